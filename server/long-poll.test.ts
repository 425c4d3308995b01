import { describe, expect, test } from 'vitest'
import type { Seen } from '../src/protocol/sync.ts'
import { createServer, json, problemOf, pulled, pullRequest, pushed, pushRequest, runOf } from './handler.fixture.ts'
import { toSequenced } from './judge.fixture.ts'
import { liveRequest, manualClock } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncLimits } from './options.ts'
import { nothing } from './sequence.ts'
import type { LogStore } from './store.ts'

/** A store that tells how many watch it. */
function watched(): { readonly store: LogStore; readonly watchersCount: () => number } {
  const inner = memoryStore()
  let count = 0
  const watch: LogStore['watch'] = (...args) => {
    const stop = inner.watch(...args)
    count++
    return () => {
      count--
      stop()
    }
  }
  return { store: { ...inner, watch }, watchersCount: () => count }
}

function setUp(limits: Partial<SyncLimits> = {}, wrap = (store: LogStore): LogStore => store) {
  const clock = manualClock()
  const { store: inner, watchersCount } = watched()
  const server = createServer({ clock, limits, store: wrap(inner) })
  /** Asks with `waitMs`, and goes on when the request sleeps. */
  const waiting = async (
    ms: number,
    seen: Seen = nothing,
    signal?: AbortSignal,
  ): Promise<{ answer: Promise<Response> }> => {
    const request = pullRequest(seen, `&waitMs=${ms}`)
    const answer = server.handler(signal === undefined ? request : new Request(request, { signal }))
    await expect.poll(watchersCount, { interval: 1 }).toBeGreaterThan(0)
    await new Promise(setImmediate)
    return { answer }
  }
  const rests = (): unknown => [server.handler.liveCount(), watchersCount(), clock.timersCount()]
  return { ...server, inner, clock, waiting, rests }
}
const nobody = [0, 0, 0]

describe('a pull that waits', () => {
  test('is answered at once when something follows, or when the log is another one', async () => {
    const { handler, rests } = setUp()
    await pushed(handler, [{ id: 'A' }])
    expect(await pulled(handler, nothing, '&waitMs=25000')).toMatchObject({ commits: [{ id: 'A' }], head: 1 })
    const elsewhere = { position: 1, digest: 'ffffffffffffffff' }
    expect(await pulled(handler, elsewhere, '&waitMs=25000')).toMatchObject({ status: 'diverged', head: 1 })
    expect(rests()).toEqual(nobody)
  })
  test('is answered when something comes', async () => {
    const { handler, waiting, rests } = setUp()
    const { answer } = await waiting(25_000)
    expect(rests()).toEqual([1, 1, 1])
    await pushed(handler, [{ id: 'A' }, { id: 'B' }])
    expect(await (await answer).json()).toMatchObject({ commits: [{ id: 'A' }, { id: 'B' }], head: 2 })
    expect(rests()).toEqual(nobody)
  })
  test('is answered with an empty page when its time is up', async () => {
    const { clock, waiting, rests } = setUp()
    const { answer } = await waiting(1_000)
    clock.advance(999)
    expect(rests()).toEqual([1, 1, 1])
    clock.advance(1)
    expect(rests()).toEqual(nobody)
    expect(await (await answer).json()).toMatchObject({ status: 'page', commits: [], through: nothing, head: 0 })
  })
  test('waits no longer than the server allows', async () => {
    const { clock, waiting } = setUp({ waitMsMax: 1_000 })
    const { answer } = await waiting(9_007_199_254_740_991)
    clock.advance(1_000)
    expect(await (await answer).json()).toMatchObject({ commits: [], head: 0 })
  })
  test('hears nothing of other logs, and sleeps on when the store was mistaken', async () => {
    let tell = (): void => {}
    const { handler, waiting, rests } = setUp({}, (store) => ({
      ...store,
      watch: (log, listener) => {
        tell = () => listener(0)
        return store.watch(log, listener)
      },
    }))
    const { answer } = await waiting(25_000)
    await handler(pushRequest(runOf([{ id: 'X' }]), json, '/sync/other/push'))
    tell()
    await new Promise(setImmediate)
    expect(rests()).toEqual([1, 1, 1])
    await pushed(handler, [{ id: 'A' }])
    expect(await (await answer).json()).toMatchObject({ commits: [{ id: 'A' }] })
  })
  test('misses nothing that is appended between the look and the sleep', async () => {
    const { handler, rests } = setUp({}, (store) => ({
      ...store,
      watch: (...args) => {
        // Nobody watches yet.
        void store.append('cart', 0, toSequenced([{ id: 'A' }]))
        return store.watch(...args)
      },
    }))
    expect(await pulled(handler, nothing, '&waitMs=25000')).toMatchObject({ commits: [{ id: 'A' }] })
    expect(rests()).toEqual(nobody)
  })
  test('is told when the log becomes another one meanwhile', async () => {
    const other = memoryStore()
    let current: LogStore | undefined
    const { clock, handler, waiting } = setUp({}, (store) => ({
      ...store,
      range: (...args) => (current ?? store).range(...args),
      digestAt: (...args) => (current ?? store).digestAt(...args),
      head: (...args) => (current ?? store).head(...args),
    }))
    await pushed(handler, [{ id: 'A' }])
    const { answer } = await waiting(1_000, (await pulled(handler)).through)
    current = other
    clock.advance(1_000)
    expect(await (await answer).json()).toEqual({ protocol: 1, status: 'diverged', head: 0 })
  })
  test('lets go of everything at once when the request is aborted', async () => {
    const { waiting, rests } = setUp()
    const abort = new AbortController()
    const { answer } = await waiting(25_000, nothing, abort.signal)
    abort.abort()
    expect(rests()).toEqual(nobody)
    expect((await answer).status).toBe(200)
    const late = new Request(pullRequest(nothing, '&waitMs=25000'), { signal: abort.signal })
    expect((await setUp().handler(late)).status).toBe(200)
  })
  test('is answered when the server stops; from then on only what needs no waiting is', async () => {
    const { handler, waiting, rests } = setUp()
    const { answer } = await waiting(25_000)
    handler.stop()
    expect(rests()).toEqual(nobody)
    expect(await (await answer).json()).toMatchObject({ commits: [], head: 0 })
    const refused = await handler(pullRequest(nothing, '&waitMs=25000'))
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await problemOf(refused)).toBe('503 live')
    await pushed(handler, [{ id: 'A' }])
    expect(await pulled(handler, nothing, '&waitMs=25000')).toMatchObject({ head: 1 })
  })
  test('takes the place of a live stream, and gives it back', async () => {
    const { clock, handler, waiting } = setUp({ liveStreamsMax: 1 })
    const { answer } = await waiting(1_000)
    expect(await problemOf(await handler(liveRequest()))).toBe('503 live')
    expect(await problemOf(await handler(pullRequest(nothing, '&waitMs=1')))).toBe('503 live')
    expect((await handler(pullRequest(nothing))).status).toBe(200)
    clock.advance(1_000)
    await answer
    const live = await handler(liveRequest())
    expect([live.status, await problemOf(await handler(pullRequest(nothing, '&waitMs=1')))]).toEqual([200, '503 live'])
    await live.body?.cancel()
  })
  test('leaves nothing behind when the store fails', async () => {
    let fails = false
    const { handler, clock, waiting, rests, errors } = setUp({}, (store) => ({
      ...store,
      range: (...args) => (fails ? Promise.reject(new Error('disk')) : store.range(...args)),
    }))
    const { answer } = await waiting(1_000)
    fails = true
    clock.advance(1_000)
    expect(await problemOf(await answer)).toBe('500 internal')
    expect([rests(), errors, handler.liveCount()]).toEqual([nobody, [new Error('disk')], 0])
  })
  test('names a whole number of milliseconds; none at all is no waiting', async () => {
    const { handler, rests } = setUp()
    for (const wait of ['-1', '1.5', '1e3', '', 'x', 'Infinity', '99999999999999999'])
      expect(await problemOf(await handler(pullRequest(nothing, `&waitMs=${wait}`))), wait).toBe('400 query')
    expect(await pulled(handler, nothing, '&waitMs=0')).toMatchObject({ commits: [] })
    expect(rests()).toEqual(nobody)
  })
})
