import { describe, expect, test } from 'vitest'
import { isLiveHead, isPullPage } from '../src/protocol/sync.ts'
import { createServer, problemOf, pulled, pushed } from './handler.fixture.ts'
import { toSequenced } from './judge.fixture.ts'
import { listen, liveRequest, manualClock } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncLimits } from './options.ts'
import { nothing } from './sequence.ts'
import type { LogStore } from './store.ts'

const setUp = (limits: Partial<SyncLimits> = {}, store?: LogStore) => {
  const clock = manualClock()
  const server = createServer({ clock, limits, ...(store === undefined ? {} : { store }) })
  const add = async (...ids: string[]): Promise<void> => {
    const { through } = await pulled(server.handler)
    await pushed(
      server.handler,
      ids.map((id) => ({ id })),
      through,
    )
  }
  const open = async (...args: Parameters<typeof liveRequest>) => listen(await server.handler(liveRequest(...args)))
  return { ...server, clock, add, open }
}

describe('a live stream', () => {
  test('begins with what follows the position, and goes on with what is pushed', async () => {
    const { add, open } = setUp()
    await add('A')
    const live = await open()
    expect(await live.next()).toEqual({ event: 'heartbeat' })
    const first = await live.next()
    expect(first).toMatchObject({ event: 'page', data: { after: nothing, commits: [{ id: 'A' }], head: 1 } })
    expect(isPullPage(first?.data)).toBe(true)
    await add('B', 'C')
    expect(await live.next()).toMatchObject({
      event: 'page',
      data: { after: { position: 1 }, commits: [{ id: 'B' }, { id: 'C' }], through: { position: 3 } },
    })
  })
  test('says at once that it is open when there is nothing to say, and waits', async () => {
    const { handler, add } = setUp()
    const response = await handler(liveRequest())
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('tidelog-protocol')).toBe('1')
    const live = listen(response)
    expect(await live.next()).toEqual({ event: 'heartbeat' })
    const later = live.next()
    await add('A')
    expect(await later).toMatchObject({ event: 'page', data: { commits: [{ id: 'A' }] } })
  })
  test('says nothing of other logs', async () => {
    const { clock, add, open } = setUp()
    const live = await open(nothing, undefined, 'other')
    await live.next()
    const later = live.next()
    await add('A')
    clock.advance(15_000)
    expect(await later).toEqual({ event: 'heartbeat' })
  })
  test('beats while nothing happens', async () => {
    const { clock, open } = setUp({ heartbeatMs: 100 })
    const live = await open()
    await live.next()
    for (let beat = 0; beat < 3; beat++) {
      const later = live.next()
      // The stream sleeps only after it has looked at the log.
      while (clock.timersCount() < 2) await Promise.resolve()
      clock.advance(100)
      expect(await later).toEqual({ event: 'heartbeat' })
    }
  })
  test('makes nothing for a client that does not read; when it reads again it gets a page and then the head', async () => {
    const inner = memoryStore()
    let reads = 0
    const counting: LogStore = {
      ...inner,
      range: (...args) => {
        reads++
        return inner.range(...args)
      },
    }
    const { add, open, handler } = setUp({ pageCommitsMax: 2 }, counting)
    const live = await open()
    await live.next()
    await add('A')
    await live.next()
    reads = 0
    for (const sketch of [{ id: 'B' }, { id: 'C' }, { id: 'D' }, { id: 'E' }, { id: 'F' }]) {
      const head = await inner.head('cart')
      await inner.append('cart', head.position, toSequenced([sketch], head))
    }
    expect(reads).toBe(0)
    expect(await live.next()).toMatchObject({ event: 'page', data: { commits: [{ id: 'B' }, { id: 'C' }], head: 6 } })
    const head = await live.next()
    expect(head).toEqual({ event: 'head', data: { protocol: 1, head: 6 } })
    expect(isLiveHead(head?.data)).toBe(true)
    await pushed(handler, [{ id: 'G' }], await inner.head('cart'))
    expect(await live.next()).toMatchObject({ event: 'page', data: { after: { position: 6 }, commits: [{ id: 'G' }] } })
  })
  test('leaves what is large to a pull: it says where the log ends, and goes on from there', async () => {
    const { handler, open } = setUp({ liveBytesMax: 1_000 })
    const sized = (id: string, length: number) => ({ id, events: [{ stream: 's', data: 'x'.repeat(length) }] })
    await pushed(handler, [sized('A', 300), sized('B', 300), sized('C', 300)])
    const live = await open()
    await live.next()
    expect(await live.next()).toMatchObject({ event: 'page', data: { commits: [{ id: 'A' }, { id: 'B' }], head: 3 } })
    expect(await live.next()).toMatchObject({ event: 'head', data: { head: 3 } })
    await pushed(handler, [sized('D', 2_000), sized('E', 10)], (await pulled(handler)).through)
    expect(await live.next()).toMatchObject({ event: 'head', data: { head: 5 } })
    await pushed(handler, [sized('F', 10)], (await pulled(handler)).through)
    expect(await live.next()).toMatchObject({ event: 'page', data: { after: { position: 5 }, commits: [{ id: 'F' }] } })
  })
  test('misses nothing that is appended while it looks', async () => {
    const inner = memoryStore()
    const store: LogStore = {
      ...inner,
      async range(...args) {
        const page = await inner.range(...args)
        // Appended after the page was read, and heard of before the stream goes to sleep.
        if (page.head === 0) await inner.append('cart', 0, toSequenced([{ id: 'A' }]))
        return page
      },
    }
    const { open } = setUp({}, store)
    const live = await open()
    await live.next()
    expect(await live.next()).toMatchObject({ event: 'page', data: { commits: [{ id: 'A' }] } })
  })
  test('of a log that the device has not seen says so and ends', async () => {
    const { add, open, handler } = setUp()
    await add('A')
    const live = await open({ position: 1, digest: 'ffffffffffffffff' })
    await live.next()
    expect(await live.next()).toEqual({ event: 'diverged', data: { protocol: 1, status: 'diverged', head: 1 } })
    expect(await live.next()).toBeUndefined()
    expect(handler.liveCount()).toBe(0)
  })
  test('of a log that becomes shorter says that it diverged', async () => {
    const stores = [memoryStore(), memoryStore()]
    let current = stores[0] ?? memoryStore()
    const store: LogStore = {
      ...current,
      append: (...args) => current.append(...args),
      range: (...args) => current.range(...args),
      digestAt: (...args) => current.digestAt(...args),
      head: (...args) => current.head(...args),
    }
    const { clock, add, open } = setUp({}, store)
    await add('A')
    const live = await open()
    await live.next()
    await live.next()
    const later = live.next()
    while (clock.timersCount() < 2) await Promise.resolve()
    current = stores[1] ?? memoryStore()
    clock.advance(15_000)
    expect(await later).toEqual({ event: 'heartbeat' })
    expect(await live.next()).toMatchObject({ event: 'diverged', data: { head: 0 } })
  })
})

describe('the end of a live stream', () => {
  test('is said with `stopped` when the server stops, and nothing new is opened', async () => {
    const { clock, handler, open } = setUp()
    const streams = await Promise.all([open(), open()])
    const ends = streams.map(async (live) => [await live.next(), await live.next(), await live.next()])
    while (clock.timersCount() < 2) await Promise.resolve()
    handler.stop()
    for (const end of ends)
      expect(await end).toEqual([
        { event: 'heartbeat' },
        { event: 'stopped', data: { protocol: 1, head: 0 } },
        undefined,
      ])
    expect(await problemOf(await handler(liveRequest()))).toBe('503 live')
    expect([handler.liveCount(), clock.timersCount()]).toEqual([0, 0])
  })
  test('comes after the longest time that a stream may last', async () => {
    const { clock, handler, open } = setUp({ liveMsMax: 1_000, heartbeatMs: 5_000 })
    const live = await open()
    await live.next()
    clock.advance(999)
    expect(handler.liveCount()).toBe(1)
    clock.advance(1)
    expect(handler.liveCount()).toBe(0)
    expect(await live.next()).toMatchObject({ event: 'stopped' })
    expect(clock.timersCount()).toBe(0)
  })
  test('comes when the client cancels, in the middle of waiting', async () => {
    const { clock, handler, open, errors } = setUp()
    const live = await open()
    await live.next()
    const later = live.next()
    while (clock.timersCount() < 2) await Promise.resolve()
    await live.cancel()
    expect(await later).toBeUndefined()
    expect([handler.liveCount(), clock.timersCount(), errors]).toEqual([0, 0, []])
  })
  test('comes when the request is aborted, even if the stream was never read', async () => {
    const { clock, handler } = setUp()
    const abort = new AbortController()
    await handler(liveRequest(nothing, abort.signal))
    expect(handler.liveCount()).toBe(1)
    abort.abort()
    expect([handler.liveCount(), clock.timersCount()]).toEqual([0, 0])
    await handler(liveRequest(nothing, abort.signal))
    expect(handler.liveCount()).toBe(0)
  })
  test('comes with an error that the server hears of when the store fails', async () => {
    const inner = memoryStore()
    const failing: LogStore = { ...inner, range: () => Promise.reject(new Error('disk')) }
    const { handler, errors } = setUp({}, failing)
    const live = listen(await handler(liveRequest()))
    await live.next()
    await expect(live.next()).rejects.toThrow('the live stream failed')
    expect([errors, handler.liveCount()]).toEqual([[new Error('disk')], 0])
  })
  test('makes room: only so many are open at a time', async () => {
    const { handler, open } = setUp({ liveStreamsMax: 1 })
    const live = await open()
    const refused = await handler(liveRequest())
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await problemOf(refused)).toBe('503 live')
    await live.cancel()
    expect((await handler(liveRequest())).status).toBe(200)
  })
})
