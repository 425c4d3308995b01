import assert from 'node:assert/strict'
import type { ListedSegment } from '../src/protocol/sync.ts'
import type { OpenStore, StoreRule } from './store.contract.ts'
import type { LogStore, SegmentStore } from './store.ts'

const log = 'cart'

/** A segment and its file, as a store gets them: it looks into neither. */
const segmentOf = (first: number, last: number, mark = 'a'): readonly [ListedSegment, Uint8Array<ArrayBuffer>] => [
  { first, last, digest: `${last}`.padStart(16, '0'), hash: mark + `${first}`.padStart(63, '0'), bytes: 10 * last },
  new Uint8Array([first, 0, 255, last]),
]

const segmentsOf = ({ segments }: LogStore): SegmentStore => {
  if (segments === undefined) throw new Error('the store keeps no segments')
  return segments
}

const within = async (
  open: OpenStore,
  work: (segments: SegmentStore, store: LogStore) => Promise<void>,
): Promise<void> => {
  const store = await open('one')
  await work(segmentsOf(store), store)
  await store.close()
}

/** What of a list tells one segment from another. */
const placesOf = async (segments: SegmentStore, name = log): Promise<string> =>
  (await segments.list(name)).map(({ first, last, hash }) => `${hash[0]}${first}-${last}`).join(' ')

/** The rules of a {@link SegmentStore}, for the tests of any store that keeps segments, in any test runner. */
export const segmentContract: readonly StoreRule[] = [
  {
    rule: 'lists no segments of a log that has none, and has no file of it',
    check: (open) =>
      within(open, async (segments) => {
        assert.deepEqual(await segments.list(log), [])
        assert.equal(await segments.get(log, segmentOf(1, 2)[0].hash), undefined)
      }),
  },
  {
    rule: 'lists segments as they were added, in order, and gives their files byte for byte',
    check: (open) =>
      within(open, async (segments) => {
        const added = [segmentOf(1, 2), segmentOf(3, 3), segmentOf(4, 20_000_000)]
        for (const [segment, file] of added) await segments.add(log, segment, file)
        assert.deepEqual(
          await segments.list(log),
          added.map(([segment]) => segment),
        )
        for (const [{ hash }, file] of added) assert.deepEqual(await segments.get(log, hash), file)
      }),
  },
  {
    rule: 'keeps a file of some megabytes as it is',
    check: (open) =>
      within(open, async (segments) => {
        const file = new Uint8Array(3_000_001).map((_, at) => (at * 31) % 251)
        const [segment] = segmentOf(1, 2)
        await segments.add(log, segment, file)
        assert.deepEqual(await segments.get(log, segment.hash), file)
      }),
  },
  {
    rule: 'leaves out a segment that does not follow the last one, without a word',
    check: (open) =>
      within(open, async (segments) => {
        await segments.add(log, ...segmentOf(2, 4))
        assert.equal(await placesOf(segments), '')
        await segments.add(log, ...segmentOf(1, 4))
        for (const other of [segmentOf(1, 4), segmentOf(1, 9, 'b'), segmentOf(4, 9), segmentOf(6, 9)])
          await segments.add(log, ...other)
        assert.equal(await placesOf(segments), 'a1-4')
        assert.equal(await segments.get(log, segmentOf(1, 9, 'b')[0].hash), undefined)
        await segments.add(log, ...segmentOf(5, 9))
        assert.equal(await placesOf(segments), 'a1-4 a5-9')
      }),
  },
  {
    rule: 'of eight who add the next segment exactly one is listed',
    check: async (open) => {
      const stores = await Promise.all([open('one'), open('one')])
      const all = stores.map(segmentsOf)
      for (let first = 1; first <= 10; first++)
        await Promise.all(
          [...'abcdefgh'].map((mark, i) => all[i % all.length]?.add(log, ...segmentOf(first, first, mark))),
        )
      for (const segments of all)
        assert.deepEqual(
          (await segments.list(log)).map(({ first }) => first),
          [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        )
      for (const store of stores) await store.close()
    },
  },
  {
    rule: 'keeps the segments of logs apart, whatever they are called',
    check: (open) =>
      within(open, async (segments) => {
        const names = ['a', 'A', 'a/b', "a'b", 'a%', ' ', 'a\u0308', '🙂', '__proto__', 'constructor', 'x'.repeat(256)]
        for (const [i, name] of names.entries()) await segments.add(name, ...segmentOf(1, i + 1))
        for (const [i, name] of names.entries()) assert.equal(await placesOf(segments, name), `a1-${i + 1}`, name)
        const [{ hash }] = segmentOf(1, 1)
        assert.deepEqual(await segments.get('A', hash), segmentOf(1, 2)[1])
        assert.equal(await segments.get('b', hash), undefined)
      }),
  },
  {
    rule: 'lets segments come beside commits, and neither changes the other',
    check: (open) =>
      within(open, async (segments, store) => {
        await segments.add(log, ...segmentOf(1, 5))
        assert.equal((await store.head(log)).position, 0)
        assert.deepEqual((await store.range(log, 0, { commitsMax: 9, bytesMax: 9 })).commits, [])
      }),
  },
  {
    rule: 'holds segments after it was closed and opened again, and goes on behind them',
    durable: true,
    check: async (open) => {
      await within(open, async (segments) => segments.add(log, ...segmentOf(1, 4)))
      await within(open, async (segments) => {
        assert.deepEqual(await segments.get(log, segmentOf(1, 4)[0].hash), segmentOf(1, 4)[1])
        await segments.add(log, ...segmentOf(1, 9, 'b'))
        await segments.add(log, ...segmentOf(5, 9))
        assert.equal(await placesOf(segments), 'a1-4 a5-9')
      })
    },
  },
]
