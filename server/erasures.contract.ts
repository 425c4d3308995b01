import assert from 'node:assert/strict'
import type { ListedSegment } from '../src/protocol/sync.ts'
import { nothing, sequence } from './sequence.ts'
import type { OpenStore, StoreRule } from './store.contract.ts'
import type { Erased, ErasureStore, LogStore, SegmentStore } from './store.ts'

const log = 'cart'
const wide = { commitsMax: 1_000, bytesMax: 1_000_000 }
const none = { through: 0, commits: [], segments: [] }

/** What a store looks into by no means. */
const bytesOf = (mark: string): Uint8Array<ArrayBuffer> => new Uint8Array([mark.charCodeAt(0), 0, 255])
const segmentOf = (mark: string, first: number, last: number): ListedSegment => ({
  first,
  last,
  digest: `${last}`.padStart(16, '0'),
  hash: mark + `${first}`.padStart(63, '0'),
  bytes: mark.charCodeAt(0),
})
const replaced = (was: string, mark: string, first: number, last: number): Erased['segments'][number] => ({
  was: segmentOf(was, first, last).hash,
  segment: segmentOf(mark, first, last),
  file: bytesOf(mark),
})

interface Parts {
  readonly store: LogStore
  readonly segments: SegmentStore
  readonly erasures: ErasureStore
}
function partsOf(store: LogStore): Parts {
  const { segments, erasures } = store
  if (segments === undefined || erasures === undefined) throw new Error('the store carries out no erasures')
  return { store, segments, erasures }
}

/** Commits `a`, `b`, `c` of two events each, with the texts `a was` and so on, and segments `p` 1-2 and `q` 3-4. */
async function fill({ store, segments }: Parts, name = log): Promise<void> {
  const commits = [...'abc'].map((id) => ({ id, contentId: `${id}.p`, eventsCount: 2, text: `${id} was` }))
  await store.append(name, 0, sequence(commits, nothing))
  await segments.add(name, segmentOf('p', 1, 2), bytesOf('p'))
  await segments.add(name, segmentOf('q', 3, 4), bytesOf('q'))
}

const within = async (open: OpenStore, work: (parts: Parts) => Promise<void>): Promise<void> => {
  const store = await open('one')
  const parts = partsOf(store)
  await fill(parts)
  await work(parts)
  await store.close()
}

/** All that an erasure may change, in one line. */
async function shownOf({ store, segments, erasures }: Parts, name = log): Promise<string> {
  const { commits } = await store.range(name, 0, wide)
  const listed = await segments.list(name)
  const files = await Promise.all(listed.map(({ hash }) => segments.get(name, hash)))
  const marks = listed.map(({ hash, bytes }, at) => {
    const file = files[at]
    const [mark] = file instanceof Uint8Array ? file : []
    return mark === bytes && hash.charCodeAt(0) === bytes ? hash[0] : '?'
  })
  return `${commits.map(({ text }) => text).join(' ')} ${marks.join('')} ${await erasures.through(name)}`
}
const untouched = 'a was b was c was pq 0'

const changes: readonly StoreRule[] = [
  {
    rule: 'a log of which nothing was erased says so',
    check: (open) =>
      within(open, async (parts) => {
        assert.equal(await shownOf(parts), untouched)
        assert.equal(await parts.erasures.through('another'), 0)
      }),
  },
  {
    rule: 'puts texts and files in the place of others, and leaves all else of them as it was',
    check: (open) =>
      within(open, async (parts) => {
        const { store, segments, erasures } = parts
        const before = await store.range(log, 0, wide)
        const commits = [{ last: 4, was: 'b was', text: 'b' }]
        assert.equal(await erasures.put(log, { through: 5, commits, segments: [replaced('p', 'x', 1, 2)] }), true)
        assert.equal(await shownOf(parts), 'a was b c was xq 5')
        const after = await store.range(log, 0, wide)
        assert.deepEqual(
          after.commits.map(({ first, last, digest, id }) => [first, last, digest, id]),
          before.commits.map(({ first, last, digest, id }) => [first, last, digest, id]),
        )
        assert.deepEqual(await store.head(log), { position: 6, digest: before.commits[2]?.digest })
        assert.deepEqual(await segments.list(log), [segmentOf('x', 1, 2), segmentOf('q', 3, 4)])
      }),
  },
  {
    rule: 'bounds a page by the bytes that are left',
    check: (open) =>
      within(open, async ({ store, erasures }) => {
        const commits = [{ last: 2, was: 'a was', text: 'ä'.repeat(100) }]
        await erasures.put(log, { ...none, commits })
        const sizes = async (bytesMax: number) =>
          (await store.range(log, 0, { commitsMax: 9, bytesMax })).commits.length
        assert.deepEqual([await sizes(204), await sizes(205), await sizes(210)], [1, 2, 3])
      }),
  },
  {
    rule: 'says of a file that was replaced that it is gone, in this log only',
    check: (open) =>
      within(open, async (parts) => {
        const { segments, erasures } = parts
        await fill(parts, 'other')
        await erasures.put(log, { ...none, segments: [replaced('p', 'x', 1, 2)] })
        await erasures.put(log, { ...none, segments: [replaced('x', 'y', 1, 2)] })
        const get = (mark: string, name = log) => segments.get(name, segmentOf(mark, 1, 2).hash)
        assert.deepEqual([await get('p'), await get('x'), await get('y')], ['gone', 'gone', bytesOf('y')])
        assert.deepEqual(
          [await get('z'), await get('p', 'other'), await get('x', 'other')],
          [undefined, bytesOf('p'), undefined],
        )
      }),
  },
  {
    rule: 'lets segments follow one that was replaced',
    check: (open) =>
      within(open, async (parts) => {
        await parts.erasures.put(log, { ...none, segments: [replaced('q', 'x', 3, 4)] })
        await parts.segments.add(log, segmentOf('q', 3, 4), bytesOf('q'))
        await parts.segments.add(log, segmentOf('r', 5, 6), bytesOf('r'))
        assert.equal(await shownOf(parts), 'a was b was c was pxr 0')
      }),
  },
  {
    rule: 'keeps how far erasures are carried out, and never goes back',
    check: (open) =>
      within(open, async ({ erasures }) => {
        const reached: number[] = []
        for (const through of [3, 7, 5, 0]) {
          assert.equal(await erasures.put(log, { ...none, through }), true)
          reached.push(await erasures.through(log))
        }
        assert.deepEqual(reached, [3, 7, 7, 7])
      }),
  },
  {
    rule: 'keeps logs apart, whatever they are called',
    check: (open) =>
      within(open, async (parts) => {
        for (const name of ['a', 'A', "a'b", '__proto__', '🙂']) {
          await fill(parts, name)
          const commits = [{ last: 2, was: 'a was', text: 'a' }]
          await parts.erasures.put(name, { through: 3, commits, segments: [replaced('p', 'x', 1, 2)] })
          assert.equal(await shownOf(parts, name), 'a b was c was xq 3', name)
        }
        assert.equal(await shownOf(parts), untouched)
      }),
  },
]

const refusals: readonly StoreRule[] = [
  {
    rule: 'changes nothing where a text is not any more what was to be replaced',
    check: (open) =>
      within(open, async (parts) => {
        for (const [last, was] of [
          [4, 'b is'],
          [3, 'b was'],
          [8, 'd was'],
        ] as const) {
          const commits = [
            { last: 2, was: 'a was', text: 'a' },
            { last, was, text: 'b' },
          ]
          const segments = [replaced('p', 'x', 1, 2)]
          assert.equal(await parts.erasures.put(log, { through: 5, commits, segments }), false)
        }
        assert.equal(await shownOf(parts), untouched)
      }),
  },
  {
    rule: 'changes nothing where a file is not any more what was to be replaced',
    check: (open) =>
      within(open, async (parts) => {
        const commits = [{ last: 2, was: 'a was', text: 'a' }]
        const segments = [replaced('p', 'x', 1, 2), replaced('z', 'y', 3, 4)]
        assert.equal(await parts.erasures.put(log, { through: 5, commits, segments }), false)
        assert.equal(await shownOf(parts), untouched)
        const hashes = [segmentOf('p', 1, 2).hash, segmentOf('z', 3, 4).hash, segmentOf('x', 1, 2).hash]
        const found = await Promise.all(hashes.map((hash) => parts.segments.get(log, hash)))
        assert.deepEqual(found, [bytesOf('p'), undefined, undefined])
      }),
  },
  {
    rule: 'changes nothing where a segment was added behind the last one that was looked through',
    check: (open) =>
      within(open, async (parts) => {
        const { segments, erasures } = parts
        await segments.add(log, segmentOf('r', 5, 6), bytesOf('r'))
        assert.equal(await erasures.put(log, { ...none, through: 5, sealed: 4 }), false)
        assert.equal(await erasures.through(log), 0)
        assert.equal(await erasures.put(log, { ...none, through: 5, sealed: 6 }), true)
        assert.equal(await erasures.through(log), 5)
        assert.equal(await erasures.put('empty', { ...none, through: 5, sealed: 0 }), true)
      }),
  },
  {
    rule: 'leaves out a segment that was made before the last erasure was carried out, without a word',
    check: (open) =>
      within(open, async (parts) => {
        const { segments, erasures } = parts
        await erasures.put(log, { ...none, through: 5 })
        for (const erased of [0, 4, 6]) await segments.add(log, segmentOf('r', 5, 6), bytesOf('r'), erased)
        assert.equal(await shownOf(parts), 'a was b was c was pq 5')
        await segments.add(log, segmentOf('r', 5, 6), bytesOf('r'), 5)
        assert.equal(await shownOf(parts), 'a was b was c was pqr 5')
      }),
  },
]

const lasting: readonly StoreRule[] = [
  {
    rule: 'holds what is left after it was closed and opened again',
    durable: true,
    check: async (open) => {
      await within(open, async ({ erasures }) => {
        const commits = [{ last: 2, was: 'a was', text: 'a' }]
        await erasures.put(log, { through: 5, commits, segments: [replaced('p', 'x', 1, 2)] })
      })
      const store = await open('one')
      const parts = partsOf(store)
      assert.equal(await shownOf(parts), 'a b was c was xq 5')
      assert.equal(await parts.segments.get(log, segmentOf('p', 1, 2).hash), 'gone')
      await store.close()
    },
  },
]

/** The rules of an {@link ErasureStore}, for the tests of any store that carries out erasures, in any test runner. */
export const erasureContract: readonly StoreRule[] = [...changes, ...refusals, ...lasting]
