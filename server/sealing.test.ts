import { describe, expect, test } from 'vitest'
import { manualClock } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { systemClock } from './options.ts'
import {
  advanceUntil,
  endsOf,
  expectVersions,
  fill,
  inFile,
  type ToldServer,
  toldServer,
  turnOfLoop,
} from './sealer.fixture.ts'
import { listOf, push, sketchesOf, small } from './segments.fixture.ts'
import type { LogStore, SegmentStore } from './store.ts'

const withAdd = (store: LogStore, add: SegmentStore['add']): LogStore => ({
  ...store,
  segments: { ...store.segments!, add },
})

describe('sealing', () => {
  test('lets pushes go between its steps', async () => {
    const store = memoryStore()
    await fill(store, sketchesOf(0, 3_004))
    const server: ToldServer = toldServer(store, {
      limits: { segmentEvents: 3_000, segmentBehind: 4 },
      clock: {
        ...systemClock,
        after: (ms, callback) => {
          if (ms === 0) server.say('pause')
          return systemClock.after(ms, callback)
        },
      },
    })
    const { handler, lines, said, say } = server
    await listOf(handler)
    await said('read cart')
    for (let n = 0; n < 5_000 && !lines.includes('added cart 3000'); n++) {
      expect(await push(handler, sketchesOf(4_000 + n, 1))).toBe(200)
      say('pushed')
      await turnOfLoop()
    }
    const [lastRead, added] = [lines.lastIndexOf('read cart'), lines.indexOf('added cart 3000')]
    expect(lines.filter((line) => line === 'read cart')).toHaveLength(6)
    expect(lines.slice(lines.indexOf('read cart'), lastRead)).toContain('pushed')
    // Packing goes over the events twice, 500 at a time.
    const pauses = lines.slice(lastRead, added).filter((line) => line === 'pause')
    expect(pauses.length).toBeGreaterThanOrEqual(12)
    expect(lines.slice(lastRead, added)).toContain('pushed')
  })
  test('is done for one log at a time, one segment each in turn, and never twice for one', async () => {
    const store = memoryStore()
    const logs = ['a', 'b', 'c']
    for (const log of logs) await fill(store, sketchesOf(0, 24), log)
    const { handler, lines, said } = toldServer(store)
    await Promise.all([...logs, ...logs, ...logs].map((log) => listOf(handler, log)))
    await said('added c 20')
    for (const log of logs) await listOf(handler, log)
    const one = (log: string, last: number): readonly string[] => [`read ${log}`, `added ${log} ${last}`]
    expect(lines).toEqual([...logs.flatMap((log) => one(log, 10)), ...logs.flatMap((log) => one(log, 20))])
  })
  test('that fails is told to the server and to nobody else, and is tried again once there is more', async () => {
    const attempts: string[] = []
    let isFull = true
    const store = memoryStore()
    const failing = withAdd(store, async (log, ...segment) => {
      attempts.push(log)
      if (isFull && log === 'cart') throw new Error('the disk is full')
      await store.segments?.add(log, ...segment)
    })
    const heard: unknown[] = []
    const server: ToldServer = toldServer(failing, {
      onError: (error) => {
        heard.push(error)
        server.say('failed')
      },
    })
    const { handler, said } = server
    expect(await push(handler, sketchesOf(0, 13))).toBe(200)
    await said('failed')
    for (const at of [13, 14]) expect(await push(handler, sketchesOf(at, 1))).toBe(200)
    expect(await endsOf(handler)).toEqual([])
    // Had it been tried again, it would have been before this one.
    await push(handler, sketchesOf(0, 13), 'other')
    await said('added other 10')
    isFull = false
    await push(handler, sketchesOf(15, 1))
    await said('added cart 10')
    expect([heard, attempts]).toEqual([[new Error('the disk is full')], ['cart', 'other', 'cart']])
    await push(handler, sketchesOf(16, 10))
    await said('added cart 20')
    await expectVersions(handler)
  })
  test('that fails does not keep other logs from it, also when nobody can be told', async () => {
    const store = memoryStore()
    const failing = withAdd(store, async (log, ...segment) => {
      if (log === 'broken') throw new Error('x')
      await store.segments?.add(log, ...segment)
    })
    const { handler, said } = toldServer(failing, {
      onError: () => {
        throw new Error('y')
      },
    })
    await push(handler, sketchesOf(0, 13), 'broken')
    await push(handler, sketchesOf(0, 13), 'cart')
    await said('added cart 10')
    expect(await endsOf(handler, 'broken')).toEqual([])
  })
  test('gives up on a store that takes nothing, instead of trying without end', async () => {
    const server: ToldServer = toldServer(
      withAdd(memoryStore(), async () => {}),
      { onError: (error) => server.say(String(error)) },
    )
    await push(server.handler, sketchesOf(0, 13))
    await server.said('Error: the store has not taken a segment that follows the last one')
    await push(server.handler, sketchesOf(13, 1))
    expect(server.lines.filter((line) => line === 'read cart')).toHaveLength(1)
  })
  test('tells of a stored commit that can not be read, and of a file that is gone', async () => {
    const store = memoryStore()
    await fill(store, sketchesOf(0, 24))
    const broken = toldServer(
      {
        ...store,
        range: async (...asked) => {
          const page = await store.range(...asked)
          return { ...page, commits: page.commits.map((commit) => ({ ...commit, text: '{}' })) }
        },
      },
      { onError: (error) => broken.say(String(error)) },
    )
    await listOf(broken.handler)
    await broken.said("Error: tidelog bug: the stored commit at 1 can't be read")

    const whole = toldServer(store, { limits: { ...small, segmentBehind: 14 } })
    await listOf(whole.handler)
    await whole.said('added cart 10')
    for (const [get, told] of [
      [async () => undefined, /^Error: the segment [0-9a-f]{64} is listed and is not there$/],
      [async () => new Uint8Array([1, 2, 3]), /./],
    ] as const) {
      const heard = new Promise<unknown>((resolve) => {
        const server = toldServer({ ...store, segments: { ...store.segments!, get } }, { onError: resolve })
        void listOf(server.handler)
      })
      expect(String(await heard)).toMatch(told)
    }
  })
})

describe('a server that stops', () => {
  test('seals no more', async () => {
    const clock = manualClock()
    const [stopped, other] = [toldServer(undefined, { clock }), toldServer(undefined, { clock })]
    for (const { store, handler } of [stopped, other]) {
      await fill(store, sketchesOf(0, 24))
      await listOf(handler)
    }
    await advanceUntil(clock, () => stopped.lines.includes('read cart'))
    stopped.handler.stop()
    await advanceUntil(clock, () => other.lines.includes('added cart 20'))
    await push(stopped.handler, sketchesOf(24, 10))
    await listOf(stopped.handler)
    expect([stopped.lines, stopped.errors]).toEqual([['read cart'], []])
  })
  test('may close its store in the middle of a seal, silently', async () => {
    for (const line of ['read cart', 'added cart 10']) {
      const store = inFile()()
      await fill(store, sketchesOf(0, 54))
      const { handler, said, errors } = toldServer(store)
      await listOf(handler)
      await said(line)
      handler.stop()
      await store.close()
      for (let turn = 0; turn < 100; turn++) await turnOfLoop()
      expect(errors).toEqual([])
    }
  })
  test('hears of it when the store was closed under a seal', async () => {
    const store = inFile()()
    await fill(store, sketchesOf(0, 24))
    const server: ToldServer = toldServer(store, { onError: () => server.say('failed') })
    await listOf(server.handler)
    await server.said('read cart')
    await store.close()
    await server.said('failed')
  })
})
