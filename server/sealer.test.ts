import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pulled } from './handler.fixture.ts'
import { toCommit, toSequenced } from './judge.fixture.ts'
import { manualClock } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { advanceUntil, endsOf, expectVersions, fill, inFile, type ToldServer, toldServer } from './sealer.fixture.ts'
import { listOf, push, sealedCommits, sketchesOf } from './segments.fixture.ts'
import type { SegmentStore } from './store.ts'

describe('a log that grows', () => {
  test('is sealed behind its end, and its segments hold what a pull gives', async () => {
    const { handler, errors, said } = toldServer()
    await push(handler, sketchesOf(0, 6, 2))
    expect(await endsOf(handler)).toEqual([])
    await push(handler, sketchesOf(6, 1))
    await said('added cart 10')
    expect(await endsOf(handler)).toEqual([10])
    await push(handler, sketchesOf(7, 16, 2))
    await said('added cart 41')
    const { commits, head } = await pulled(handler)
    expect([head, await endsOf(handler)]).toEqual([45, [10, 21, 31, 41]])
    const sealed = await sealedCommits(handler)
    expect(sealed.map(({ commit }) => commit)).toEqual(commits.slice(0, sealed.length))
    expect(new Set(sealed.map(({ revision }) => revision))).toEqual(new Set([0]))
    await expectVersions(handler)
    expect(errors).toEqual([])
  })
  test('has segments whose digest is that of the log at their end', async () => {
    const { handler, store, said } = toldServer()
    await push(handler, sketchesOf(0, 33))
    await said('added cart 30')
    for (const { last, digest } of await listOf(handler)) expect(await store.digestAt('cart', last)).toBe(digest)
  })
  test('has a segment end with the commit that fills it, however large that is, and only so far behind the end', async () => {
    const { handler, lines, said } = toldServer()
    for (const [at, size] of [9, 10].entries()) await push(handler, sketchesOf(at, 1, size))
    // It was looked at, and the 19 events that would be sealed are all there is.
    await said('read cart')
    for (const [at, size] of [2, 1].entries()) await push(handler, sketchesOf(2 + at, 1, size))
    await said('added cart 19')
    expect(lines).toEqual(['read cart', 'read cart', 'added cart 19'])
    await push(handler, sketchesOf(4, 1, 25))
    await push(handler, sketchesOf(5, 1, 3))
    await said('added cart 47')
    expect(await endsOf(handler)).toEqual([19, 47])
  })
  test('has a segment end with the commit that gives it enough text', async () => {
    const { handler, said } = toldServer(memoryStore(), {
      limits: { segmentEvents: 10, segmentBehind: 3, segmentTextMax: 600 },
    })
    const [length = 0] = toSequenced(sketchesOf(0, 1)).map(({ text }) => text.length)
    const inOne = Math.ceil(600 / length)
    expect(inOne).toBeLessThan(10)
    await push(handler, sketchesOf(0, 10 + 3))
    await said(`added cart ${inOne}`)
    await push(handler, sketchesOf(13, inOne))
    await said(`added cart ${2 * inOne}`)
    expect(await endsOf(handler)).toEqual([inOne, 2 * inOne])
  })
  test('is sealed by 16,000 events, the newest 4,000 left out, when nothing else was chosen', async () => {
    const store = memoryStore()
    await fill(store, sketchesOf(0, 1_999, 10))
    const clock = manualClock()
    const { handler, lines } = toldServer(store, { limits: {}, clock })
    await fill(store, sketchesOf(1_999, 1, 9))
    expect([await endsOf(handler), clock.timersCount()]).toEqual([[], 0])
    await fill(store, sketchesOf(2_000, 1, 1))
    expect([await endsOf(handler), clock.timersCount()]).toEqual([[], 1])
    await advanceUntil(clock, () => lines.at(-1) !== 'read cart' && lines.length > 0)
    expect(await endsOf(handler)).toEqual([16_000])
    expect(lines.length).toBeGreaterThan(4)
  })
  test('without a server that seals is sealed when its segments are asked for', async () => {
    const store = memoryStore()
    await fill(store, sketchesOf(0, 24))
    const { handler, said } = toldServer(store)
    expect(await endsOf(handler)).toEqual([])
    await said('added cart 20')
    expect(await endsOf(handler)).toEqual([10, 20])
  })
  test('has its segments without what a commit carried before it was confirmed, should an older server have kept it', async () => {
    const store = memoryStore()
    const sketches = sketchesOf(0, 13).map((sketch) => ({ ...sketch, condition: { streams: ['s'] } }))
    const whole = toSequenced(sketches).map((commit, at) => {
      const content = { ...toCommit(sketches[at]!), command: { name: 'd', v: 1, data: 1 }, attempt: 2 }
      return { ...commit, text: JSON.stringify(content) }
    })
    await store.append('cart', 0, whole)
    const { handler, said } = toldServer(store)
    await listOf(handler)
    await said('added cart 10')
    const sealed = (await sealedCommits(handler)).map(({ commit }) => commit)
    expect(sealed).toEqual(sketchesOf(0, 10).map(toCommit))
  })
  test('is sealed as its commits and the limits say, whatever their sizes', async () => {
    const limits = fc.record({ segmentEvents: fc.integer({ min: 1, max: 12 }), segmentBehind: fc.nat(6) })
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(limits, sizes, async (small, counts) => {
        const store = memoryStore()
        await fill(
          store,
          counts.flatMap((size, at) => sketchesOf(at, 1, size)),
        )
        const ends: number[] = []
        const total = counts.reduce((sum, size) => sum + size, 0)
        counts.reduce((position, size) => {
          const isEnd = position + size - (ends.at(-1) ?? 0) >= small.segmentEvents
          if (isEnd && position + size + small.segmentBehind <= total) ends.push(position + size)
          return position + size
        }, 0)
        const { handler, said, errors } = toldServer(store, { limits: small })
        await listOf(handler)
        for (const end of ends) await said(`added cart ${end}`)
        expect(await endsOf(handler)).toEqual(ends)
        const { commits } = await pulled(handler)
        const sealed = (await sealedCommits(handler)).map(({ commit }) => commit)
        expect(sealed).toEqual(commits.slice(0, sealed.length))
        await expectVersions(handler)
        handler.stop()
        expect(errors).toEqual([])
      }),
      { numRuns: 20 },
    )
  })
})

describe('several servers of one log', () => {
  const inMemory = () => {
    const store = memoryStore()
    return () => store
  }

  test('count on in each stream, whoever sealed before, also after a restart', async () => {
    for (const open of [inFile(), inMemory()]) {
      const [one, two] = [toldServer(open()), toldServer(open())]
      await push(one.handler, sketchesOf(0, 3))
      for (const [at, server] of [one, one, two, one, two, two, undefined].entries()) {
        const { handler, said, errors } = server ?? toldServer(open())
        await push(handler, sketchesOf(3 + 10 * at, 10))
        await said(`added cart ${10 * (at + 1)}`)
        await expectVersions(handler)
        expect(errors).toEqual([])
      }
    }
  })
  test('make the same files of the same commits', async () => {
    const manifests: unknown[] = []
    for (const runs of [[33], [3, 20, 10]]) {
      const { handler, said } = toldServer()
      let next = 0
      for (const count of runs) {
        await push(handler, sketchesOf(next, count))
        next += count
      }
      await said('added cart 30')
      manifests.push(await listOf(handler))
    }
    expect(manifests[0]).toEqual(manifests[1])
  })
  test('that seal the same commits at the same moment agree on one list', async () => {
    const open = inFile()
    const arrived: (() => void)[] = []
    const both = (): Promise<void> =>
      new Promise((resolve) => {
        arrived.push(resolve)
        if (arrived.length >= 2) for (const go of arrived) go()
      })
    const racing = (): ToldServer => {
      const store = open()
      const add: SegmentStore['add'] = async (...segment) => {
        await both()
        await store.segments?.add(...segment)
      }
      return toldServer({ ...store, segments: { ...store.segments!, add } })
    }
    const servers = [racing(), racing()]
    await fill(servers[0]!.store, sketchesOf(0, 64))
    await Promise.all(servers.map(({ handler }) => listOf(handler)))
    await Promise.all(servers.map(({ said }) => said('added cart 10')))
    await Promise.any(servers.map(({ said }) => said('added cart 60')))
    for (const { handler, errors } of servers) {
      expect(await endsOf(handler)).toEqual([10, 20, 30, 40, 50, 60])
      await expectVersions(handler)
      expect(errors).toEqual([])
    }
  })
  test('of other limits leave each other the segments that they have made', async () => {
    const open = inFile()
    const wide = toldServer(open(), { limits: { segmentEvents: 15, segmentBehind: 0 } })
    const narrow = toldServer(open(), { limits: { segmentEvents: 4, segmentBehind: 0 } })
    await push(wide.handler, sketchesOf(0, 15))
    await wide.said('added cart 15')
    await push(narrow.handler, sketchesOf(15, 9))
    await narrow.said('added cart 23')
    await push(wide.handler, sketchesOf(24, 14))
    await wide.said('added cart 38')
    expect(await endsOf(narrow.handler)).toEqual([15, 19, 23, 38])
    await expectVersions(narrow.handler)
  })
})
