import { describe, expect, test } from 'vitest'
import { createCell } from '../core/observable.ts'
import type { Said, StorageStatus, WorkerApi } from '../protocol/worker.ts'
import type { Opened, Session } from './connection.ts'
import { createFeed } from './feed.ts'
import { startOn } from './start.ts'

const openedOn = (database: string, durable = true, name = 'log'): Opened => ({
  ok: true,
  database,
  name,
  storage: { state: durable ? 'ok' : 'memory', durable },
  sync: undefined,
  head: { database, revision: 1, confirmed: 1 },
  pending: 0,
})

/** Starts workers that open these databases, one after the other. */
function workersOn(...databases: readonly Opened[]) {
  const storage = createCell<StorageStatus>({ state: 'opening', durable: false })
  const feed = createFeed(() => ({ post: () => {}, close: () => {} }), 'log')
  const left = [...databases]
  let say: (said: Said) => void = () => {}
  let ended = 0
  const start = startOn(
    async (hear) => {
      say = hear
      const opened = left.shift()
      if (opened === undefined) throw new Error('no worker')
      const api = {} as Partial<WorkerApi> as WorkerApi
      return { api, opened, lost: new Promise(() => {}), end: () => ended++ } satisfies Session
    },
    storage,
    feed.opened,
  )
  return { start, storage, feed, say: (said: Said) => say(said), ended: () => ended }
}

describe('a worker in the place of another', () => {
  test('goes on with the same database', async () => {
    const { start, storage } = workersOn(openedOn('a'), openedOn('a'))
    await start()
    await start()
    expect(storage.get()).toEqual({ state: 'ok', durable: true })
  })

  test('is ended when it finds another database, and the log is lost', async () => {
    const { start, storage, ended } = workersOn(openedOn('a'), openedOn('b'))
    await start()
    await expect(start()).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
    expect([storage.get().state, ended()]).toEqual(['lost', 1])
  })

  test('is ended when it finds the database that the log has moved to, and the log has moved', async () => {
    const { start, storage, ended } = workersOn(openedOn('a'), openedOn('b', true, 'log#2'))
    await start()
    await expect(start()).rejects.toMatchObject({ code: 'tidelog/log-moved' })
    expect([storage.get().state, ended()]).toEqual(['moved', 1])
  })

  test('may find the database for which memory stood in', async () => {
    const { start, storage } = workersOn(openedOn('memory', false), openedOn('a'))
    await start()
    expect(storage.get().state).toBe('memory')
    await start()
    expect(storage.get().state).toBe('ok')
  })

  test('that does not start is a log without storage', async () => {
    const { start, storage } = workersOn()
    await expect(start()).rejects.toThrow('no worker')
    expect(storage.get()).toEqual({ state: 'lost', durable: false, problem: 'Error: no worker' })
  })
})

test('a worker that says where the log rests now is heard, and what it says of the storage', async () => {
  const { start, storage, feed, say } = workersOn(openedOn('memory', false), openedOn('b'))
  await start()
  let moves = 0
  feed.onMoved(() => {
    moves += 1
  })
  say({ opened: openedOn('a') })
  expect([storage.get(), moves]).toEqual([{ state: 'ok', durable: true }, 1])
  say({ storage: { state: 'full', durable: true } })
  expect(storage.get().state).toBe('full')
  await expect(start()).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
})
