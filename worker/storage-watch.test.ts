import { VirtualClock } from 'tidelog/testing'
import { describe, expect, test } from 'vitest'
import type { StorageStatus } from '../src/protocol/worker.ts'
import { type Store, StoreError, type StoreErrorKind } from '../src/store/store.ts'
import { StorageWatch } from './storage-watch.ts'

const ok: StorageStatus = { state: 'ok', durable: true }

function watched() {
  const clock = new VirtualClock()
  const told: StorageStatus[] = []
  const watch = new StorageWatch(clock, (status) => told.push(status))
  let next: () => Promise<unknown> = async () => []
  const store = watch.over({ identity: 'db', durable: true, run: () => next(), close: async () => {} } as Store)
  const run = async (write = false, kind?: StoreErrorKind): Promise<void> => {
    next = async () => {
      if (kind !== undefined) throw new StoreError(kind, `it is ${kind}`)
      return []
    }
    await store.run([], { write }).catch((error: unknown) => expect(error).toBeInstanceOf(StoreError))
  }
  watch.settle(ok)
  told.length = 0
  return { clock, watch, told, store, run, answer: (how: () => Promise<unknown>) => (next = how) }
}

describe('what is told of storage', () => {
  test('is full from a write that found no room to the next write that does', async () => {
    const { told, run } = watched()
    await run(true, 'full')
    await run()
    await run(true, 'taken')
    await run(true, 'full')
    expect(told).toEqual([{ state: 'full', durable: true, problem: 'it is full' }])
    await run(true)
    expect(told.slice(1)).toEqual([ok])
  })

  test('is lost when it is gone, silent, or of a newer app, and when it fails three times in a row', async () => {
    for (const kind of ['replaced', 'silent', 'newer'] as const) {
      const { told, run } = watched()
      await run(false, kind)
      expect(told).toEqual([{ state: 'lost', durable: false, problem: `it is ${kind}` }])
    }
    const { told, run } = watched()
    for (const kind of ['lost', 'lost', undefined, 'lost', 'lost'] as const) await run(true, kind)
    expect(told).toEqual([])
    await run(true, 'lost')
    expect(told).toEqual([{ state: 'lost', durable: false, problem: 'it is lost' }])
    await run()
    expect(told.slice(1)).toEqual([ok])
  })

  test('is nothing when a key is taken or the log is closed', async () => {
    const { told, run } = watched()
    for (const kind of ['taken', 'closed'] as const) await run(true, kind)
    expect(told).toEqual([])
  })

  test('is a problem for as long as it takes long, and one of a log that opens too', async () => {
    const { clock, told, watch, store, answer } = watched()
    const end: (() => void)[] = []
    answer(() => new Promise((resolve) => end.push(() => resolve([]))))
    const running = [store.run([]), store.run([])]
    await clock.pass(4_900)
    expect(told).toEqual([])
    await clock.pass(200)
    const slow = { ...ok, problem: 'storage has not answered for 5 s' }
    expect(told).toEqual([slow])
    end[0]?.()
    await running[0]
    expect(told).toEqual([slow])
    end[1]?.()
    await running[1]
    expect(told).toEqual([slow, ok])
    expect(watch.status).toEqual(ok)
    expect(clock.step()).toBe(false)
  })

  test('is kept back until it may be told', () => {
    const { told, watch } = watched()
    watch.hush()
    watch.settle({ state: 'memory', durable: false })
    expect(told).toEqual([])
    watch.speak()
    expect(told).toEqual([{ state: 'memory', durable: false }])
  })
})
