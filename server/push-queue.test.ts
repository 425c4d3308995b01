import { describe, expect, test } from 'vitest'
import { type Sketch, toCandidate, toSequenced } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { defaultLimits, type SyncLimits, systemClock } from './options.ts'
import { PushQueue } from './push-queue.ts'
import { nothing } from './sequence.ts'
import type { Settled } from './settle.ts'
import type { LogStore } from './store.ts'
import { StoreError } from './store-error.ts'

const log = 'cart'

function setUp(append?: LogStore['append'], limits: Partial<SyncLimits> = {}, inner = memoryStore()) {
  const runs: number[] = []
  const store: LogStore = {
    ...inner,
    append: (...given) => {
      runs.push(given[2].length)
      return (append ?? inner.append)(...given)
    },
  }
  const queue = new PushQueue({
    store,
    limits: { ...defaultLimits, ...limits },
    pageLimits: { commitsMax: 1_000, bytesMax: 1_000_000 },
    clock: systemClock,
    observe: undefined,
  })
  const push = async (sketches: readonly Sketch[], seen = nothing): Promise<Settled | undefined> =>
    queue.settle({ log, name: log, seen, run: sketches.map(toCandidate) })
  return { inner, runs, push }
}
const words = (settled: Settled | undefined): readonly string[] =>
  settled?.status === 'verdicts' ? settled.verdicts.map(({ verdict }) => verdict) : [String(settled?.status)]

describe('pushes to one log', () => {
  test('that come while one is settled are one append', async () => {
    const { push, runs } = setUp()
    const all = await Promise.all([...'ABCDE'].map((id) => push([{ id }])))
    expect(all.flatMap(words)).toEqual(Array(5).fill('accepted'))
    expect(runs).toEqual([1, 4])
  })
  test('that are large go alone', async () => {
    const { push, runs } = setUp()
    const large = Array.from({ length: 150 }, (_, n) => ({ id: `L${n}` }))
    await Promise.all([
      push([{ id: 'A' }]),
      push(large),
      push([{ id: 'B' }]),
      push([...large].reverse()),
      push([{ id: 'C' }]),
    ])
    expect(runs).toEqual([1, 151, 1])
  })
  test('of which one costs too much to check refuse that one', async () => {
    const inner = memoryStore()
    await inner.append(
      log,
      0,
      toSequenced(Array.from({ length: 20 }, (_, n) => ({ id: `x${n}`, events: [{ stream: 'a' }] }))),
    )
    const { push, runs } = setUp(undefined, { comparisonsMax: 10 }, inner)
    const dear = { id: 'D', events: [{ stream: 'd' }], condition: { streams: ['a'] } }
    const results = await Promise.allSettled([
      push([{ id: 'A' }]),
      push([{ id: 'B' }]),
      push([dear]),
      push([{ id: 'C' }]),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(results[2]).toMatchObject({ reason: { status: 413 } })
    expect(runs).toEqual([1, 2])
  })
  test('of which the device of one is far behind wait for it no longer than for any other', async () => {
    const inner = memoryStore()
    const before = toSequenced(Array.from({ length: 1_500 }, (_, n) => ({ id: `x${n}` })))
    await inner.append(log, 0, before)
    const head = await inner.head(log)
    const { push, runs } = setUp(undefined, {}, inner)
    const all = await Promise.all([
      push([{ id: 'A' }], head),
      push([{ id: 'B' }]),
      push([{ id: 'C' }], head),
      push([{ id: 'D' }], head),
    ])
    expect(all.flatMap(words)).toEqual(Array(4).fill('accepted'))
    expect(runs).toEqual([1, 2, 1])
  })
  test('hear that the store is away, all of them at once', async () => {
    let appends = 0
    const { inner, push, runs } = setUp(async (...given) => {
      if (appends++ > 0) throw new StoreError('test/away', 'unavailable', 'the disk is away')
      return inner.append(...given)
    })
    const results = await Promise.allSettled([...'ABCD'].map((id) => push([{ id }])))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
    expect(runs).toEqual([1, 3])
  })
  test('of which the store can not take one are tried each for itself', async () => {
    const { inner, push, runs } = setUp(async (...given) => {
      if (given[2].some(({ id }) => id === 'C')) throw new Error('not this one')
      return inner.append(...given)
    })
    const results = await Promise.allSettled([...'ABCD'].map((id) => push([{ id }])))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(runs).toEqual([1, 3, 1, 1, 1])
  })
})
