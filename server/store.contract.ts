import assert from 'node:assert/strict'
import { nextDigest } from '../src/core/digest.ts'
import { nothing, sequence } from './sequence.ts'
import type { LogStore, SequencedCommit } from './store.ts'

/** How a test opens a store: the same `place` again is the same logs. */
export type OpenStore = (place: string) => Promise<LogStore>

/** One rule that every store keeps. */
export interface StoreRule {
  readonly rule: string
  /** Needs a place that outlives the store. */
  readonly durable?: boolean
  readonly check: (open: OpenStore) => Promise<void>
}

const log = 'cart'
const wide = { commitsMax: 1_000, bytesMax: 1_000_000 }

/** Commits of `counts[i]` events each, as a store gets them. */
const commitsOf = (head: typeof nothing, ids: string, counts: readonly number[] = []): readonly SequencedCommit[] =>
  sequence(
    [...ids].map((id, i) => ({ id, contentId: `${id}.p`, eventsCount: counts[i] ?? 1, text: `{"id":"${id}"}` })),
    head,
  )

const idsOf = async (store: LogStore, name = log, after = 0): Promise<string> =>
  (await store.range(name, after, wide)).commits.map(({ id }) => id).join('')

const within = (open: OpenStore, work: (store: LogStore) => Promise<void>): Promise<void> =>
  open('one').then(async (store) => {
    await work(store)
    await store.close()
  })

const appends: readonly StoreRule[] = [
  {
    rule: 'a log that nobody has written to is empty and ends at 0',
    check: (open) =>
      within(open, async (store) => {
        assert.deepEqual(await store.head(log), nothing)
        assert.deepEqual(await store.range(log, 0, wide), { commits: [], head: 0 })
        assert.equal(await store.digestAt(log, 0), nothing.digest)
        assert.equal(await store.digestAt(log, 1), undefined)
      }),
  },
  {
    rule: 'gives back what it took, whole and in order',
    check: (open) =>
      within(open, async (store) => {
        const commits = commitsOf(nothing, 'abc', [1, 3, 2])
        assert.deepEqual(await store.append(log, 0, commits), { taken: 3, head: 6 })
        const page = await store.range(log, 0, wide)
        assert.deepEqual(page.commits.map(plain), commits.map(plain))
        assert.equal(page.head, 6)
        assert.deepEqual(await store.append(log, 6, commitsOf(await store.head(log), 'd')), { taken: 1, head: 7 })
        assert.equal(await idsOf(store), 'abcd')
      }),
  },
  {
    rule: 'takes nothing when the log does not end where the writer thinks, and says where it ends',
    check: (open) =>
      within(open, async (store) => {
        await store.append(log, 0, commitsOf(nothing, 'ab'))
        assert.deepEqual(await store.append(log, 0, commitsOf(nothing, 'x')), { taken: 0, head: 2 })
        assert.deepEqual(await store.append(log, 1, commitsOf({ ...nothing, position: 1 }, 'x')), { taken: 0, head: 2 })
        assert.deepEqual(await store.append(log, 9, commitsOf({ ...nothing, position: 9 }, 'x')), { taken: 0, head: 2 })
        assert.deepEqual(await store.append(log, 2, []), { taken: 0, head: 2 })
        assert.equal(await idsOf(store), 'ab')
      }),
  },
  {
    rule: 'of eight writers at one head exactly one wins',
    check: async (open) => {
      const stores = await Promise.all([open('one'), open('one')])
      for (let round = 0; round < 20; round++) {
        const head = await mustGet(stores, 0).head(log)
        const results = await Promise.all(
          [...'abcdefgh'].map((id, i) => mustGet(stores, i).append(log, head.position, commitsOf(head, id, [2]))),
        )
        assert.equal(results.filter(({ taken }) => taken > 0).length, 1)
        for (const result of results) assert.equal(result.head, head.position + 2)
      }
      assert.equal((await mustGet(stores, 1).head(log)).position, 40)
      for (const store of stores) await store.close()
    },
  },
  {
    rule: 'refuses commits that would leave a gap, and writes none of them',
    check: (open) =>
      within(open, async (store) => {
        const [a, b] = commitsOf(nothing, 'ab')
        if (a === undefined || b === undefined) throw new Error('two commits')
        await assert.rejects(store.append(log, 0, [b]))
        await assert.rejects(store.append(log, 0, [a, { ...b, first: 3, last: 3 }]))
        await assert.rejects(store.append(log, 0, [a, { ...b, last: 1 }]))
        assert.deepEqual(await store.head(log), nothing)
      }),
  },
]

const reads: readonly StoreRule[] = [
  {
    rule: 'reads on after a position, also after one in the middle of a commit',
    check: (open) =>
      within(open, async (store) => {
        await store.append(log, 0, commitsOf(nothing, 'abc', [2, 3, 1]))
        assert.equal(await idsOf(store, log, 2), 'bc')
        assert.equal(await idsOf(store, log, 3), 'bc')
        assert.equal(await idsOf(store, log, 5), 'c')
        assert.equal(await idsOf(store, log, 6), '')
        assert.equal(await idsOf(store, log, 60), '')
      }),
  },
  {
    rule: 'bounds a page by commits and by UTF-8 bytes, but gives a first commit that alone is larger',
    check: (open) =>
      within(open, async (store) => {
        const texts = ['1234', 'ää', '1234567890']
        const commits = commitsOf(nothing, 'abc').map((commit, i) => ({ ...commit, text: texts[i] ?? '' }))
        await store.append(log, 0, commits)
        const ids = async (after: number, commitsMax: number, bytesMax: number): Promise<string> =>
          (await store.range(log, after, { commitsMax, bytesMax })).commits.map(({ id }) => id).join('')
        assert.equal(await ids(0, 2, 1_000), 'ab')
        assert.equal(await ids(0, 9, 18), 'abc')
        assert.equal(await ids(0, 9, 17), 'ab')
        assert.equal(await ids(0, 9, 8), 'ab')
        assert.equal(await ids(0, 9, 7), 'a')
        assert.equal(await ids(2, 9, 1), 'c')
        assert.equal((await store.range(log, 0, { commitsMax: 1, bytesMax: 1 })).head, 3)
      }),
  },
  {
    rule: 'knows the digest at the end of each commit, and at no other position',
    check: (open) =>
      within(open, async (store) => {
        await store.append(log, 0, commitsOf(nothing, 'ab', [2, 1]))
        const first = nextDigest(nothing.digest, 'a', 'a.p')
        const second = nextDigest(first, 'b', 'b.p')
        const known = await Promise.all([0, 1, 2, 3, 4].map((position) => store.digestAt(log, position)))
        assert.deepEqual(known, [nothing.digest, undefined, first, second, undefined])
        assert.deepEqual(await store.head(log), { position: 3, digest: second })
      }),
  },
  {
    rule: 'keeps texts as they are: a megabyte, any script, quotes and emptiness',
    check: (open) =>
      within(open, async (store) => {
        const texts = ['x'.repeat(1_048_576), 'ß漢字🙂\u2028', `'";--\\`, '{}']
        const commits = commitsOf(nothing, 'abcd').map((commit, i) => ({ ...commit, text: texts[i] ?? '' }))
        await store.append(log, 0, commits)
        const page = await store.range(log, 0, { commitsMax: 9, bytesMax: 9_000_000 })
        assert.deepEqual(
          page.commits.map(({ text }) => text),
          texts,
        )
      }),
  },
  {
    rule: 'keeps logs apart, whatever they are called',
    check: (open) =>
      within(open, async (store) => {
        const names = ['a', 'A', 'a/b', '../a', "a'b", 'a%', ' ', 'ä', 'a\u0308', '🙂', '__proto__', 'x'.repeat(256)]
        for (const [i, name] of names.entries()) await store.append(name, 0, commitsOf(nothing, 'a', [i + 1]))
        for (const [i, name] of names.entries()) assert.equal((await store.head(name)).position, i + 1, name)
        assert.equal(await idsOf(store, 'b'), '')
      }),
  },
]

const watches: readonly StoreRule[] = [
  {
    rule: 'tells watchers of a log where it ends now, until they stop',
    check: (open) =>
      within(open, async (store) => {
        const heard: string[] = []
        const stop = store.watch(log, (head) => heard.push(`one ${head}`))
        const stopOther = store.watch(log, (head) => heard.push(`two ${head}`))
        store.watch('another', (head) => heard.push(`another ${head}`))
        await store.append(log, 0, commitsOf(nothing, 'ab'))
        stop()
        stop()
        await store.append(log, 2, commitsOf(await store.head(log), 'c'))
        await store.append(log, 0, commitsOf(nothing, 'x'))
        stopOther()
        await store.append(log, 3, commitsOf(await store.head(log), 'd'))
        assert.deepEqual(heard, ['one 2', 'two 2', 'two 3'])
      }),
  },
  {
    rule: 'tells watchers what another connection wrote',
    durable: true,
    check: async (open) => {
      const [here, there] = await Promise.all([open('one'), open('one')])
      const heard = new Promise<number>((resolve) => here.watch(log, resolve))
      await there.append(log, 0, commitsOf(nothing, 'ab'))
      assert.equal(await heard, 2)
      for (const store of [here, there]) await store.close()
    },
  },
  {
    rule: 'holds everything after it was closed and opened again',
    durable: true,
    check: async (open) => {
      await within(open, async (store) => {
        await store.append(log, 0, commitsOf(nothing, 'ab', [1, 4]))
      })
      await within(open, async (store) => {
        const head = await store.head(log)
        assert.equal(head.position, 5)
        await store.append(log, 5, commitsOf(head, 'c'))
        assert.equal(await idsOf(store), 'abc')
        const digests = (await store.range(log, 0, wide)).commits.map(({ digest }) => digest)
        assert.deepEqual(
          digests,
          commitsOf(nothing, 'abc').map(({ digest }) => digest),
        )
      })
    },
  },
]

/** What a store may add to a commit it gives back is its own business. */
const plain = ({ first, last, digest, id, contentId, text }: SequencedCommit): SequencedCommit => ({
  first,
  last,
  digest,
  id,
  contentId,
  text,
})

const mustGet = <T>(list: readonly T[], index: number): T => {
  const element = list[index % list.length]
  if (element === undefined) throw new Error('an empty list')
  return element
}

/** The rules of a {@link LogStore}, for the tests of any store, in any test runner. */
export const storeContract: readonly StoreRule[] = [...appends, ...reads, ...watches]
