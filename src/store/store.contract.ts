import { type AppendRow, rowFormat, type StateRow } from '../protocol/rows.ts'
import { isStoreError, type Range, type Request, type Store, type StoreErrorKind } from './store.ts'

/** How a test opens a store: the same `place` again is another connection to the same database. */
export type OpenStore = (place: string) => Promise<Store>

/** One rule that every store keeps. It throws when the store does not. */
export interface StoreRule {
  readonly rule: string
  readonly check: (open: OpenStore) => Promise<void>
}

const append = (revision: number, commits = '[]'): AppendRow => ({
  kind: 'append',
  revision,
  format: rowFormat,
  commits,
})
const link = (chain: string, n: number): StateRow => ({ chain, n, format: rowFormat })
const adds = (...revisions: number[]): readonly Request[] =>
  revisions.map((revision) => ({ op: 'add', store: 'writes', row: append(revision) }))

const write = { write: true } as const

async function revisions(store: Store, range: Range = {}): Promise<readonly number[]> {
  const [rows] = await store.run([{ op: 'range', store: 'writes', ...range }])
  return rows.map(({ revision }) => revision)
}

/** The chains that the rule made; the database has one of its own. */
async function links(store: Store, range: Range = {}): Promise<readonly string[]> {
  const [rows] = await store.run([{ op: 'range', store: 'state', from: ['a', 0], ...range }])
  return rows.flatMap(({ chain, n }) => (chain.length === 1 ? [`${chain}${n}`] : []))
}

function same(actual: unknown, expected: unknown): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (found !== wanted) throw new Error(`expected ${wanted}, found ${found}`)
}

async function refuses(running: Promise<unknown>, kind?: StoreErrorKind): Promise<void> {
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) throw new Error('the store took what it has to refuse')
  if (kind !== undefined && !isStoreError(error, kind))
    throw new Error(`expected a store error ${kind}, found ${error}`)
}

/** Runs requests that TypeScript would not let through. */
const runAnyway = async (store: Store, requests: readonly unknown[]): Promise<unknown> =>
  store.run(requests as readonly Request[], write)

const within = async (open: OpenStore, work: (store: Store) => Promise<void>): Promise<void> => {
  const store = await open('one')
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

const rangeRule = (rule: string, range: Range, expected: readonly number[]): StoreRule => ({
  rule,
  check: (open) =>
    within(open, async (store) => {
      await store.run(adds(4, 1, 10, 2, 3), write)
      same(await revisions(store, range), expected)
    }),
})

const reads: readonly StoreRule[] = [
  rangeRule('gives rows in key order, whatever order they came in', {}, [1, 2, 3, 4, 10]),
  rangeRule('reads after a key without it', { after: 2 }, [3, 4, 10]),
  rangeRule('reads from a key to a key, both with them', { from: 2, to: 4 }, [2, 3, 4]),
  rangeRule('reads after a key up to a key', { after: 2, to: 4 }, [3, 4]),
  rangeRule('reads bounds that are no keys of rows', { after: 4, to: 9 }, []),
  rangeRule('reads up to a key', { to: 3 }, [1, 2, 3]),
  rangeRule('gives at most as many rows as asked for, the first ones', { after: 1, limit: 2 }, [2, 3]),
  {
    rule: 'refuses a range that ends before it begins',
    check: (open) =>
      within(open, async (store) => {
        const answer = await revisions(store, { from: 4, to: 2 }).catch((error: unknown) => error)
        if (!isStoreError(answer)) throw new Error('a range from 4 to 2 was read')
      }),
  },
  {
    rule: 'gives nothing from an empty store, and undefined for a key that is not there',
    check: (open) =>
      within(open, async (store) => {
        same(await revisions(store), [])
        const [row] = await store.run([{ op: 'get', store: 'writes', key: 1 }])
        if (row !== undefined) throw new Error('found a row that nobody wrote')
      }),
  },
  {
    rule: 'counts the rows of a range, bounds as for reading',
    check: (open) =>
      within(open, async (store) => {
        await store.run(adds(4, 1, 10, 2, 3), write)
        const counts = await store.run([
          { op: 'count', store: 'writes' },
          { op: 'count', store: 'writes', from: 2, to: 4 },
          { op: 'count', store: 'writes', after: 2 },
          { op: 'count', store: 'writes', from: 5, to: 9 },
        ])
        same(counts, [5, 3, 3, 0])
      }),
  },
  {
    rule: 'orders chains by name and then by number',
    check: (open) =>
      within(open, async (store) => {
        const rows = [link('b', 1), link('a', 10), link('a', 2), link('a', 0), link('b', 0)]
        await store.run(
          rows.map((row) => ({ op: 'add', store: 'state', row })),
          write,
        )
        same(await links(store), ['a0', 'a2', 'a10', 'b0', 'b1'])
        same(await links(store, { from: ['a', 1], to: ['a', 10] }), ['a2', 'a10'])
        const [found] = await store.run([{ op: 'get', store: 'state', key: ['b', 1] }])
        same(found, link('b', 1))
      }),
  },
  {
    rule: 'answers each request at its place, and lets it see those before it in the run',
    check: (open) =>
      within(open, async (store) => {
        const [before, , after, row] = await store.run(
          [
            { op: 'range', store: 'writes' },
            { op: 'add', store: 'writes', row: append(1, '["a"]') },
            { op: 'range', store: 'writes' },
            { op: 'get', store: 'writes', key: 1 },
          ],
          write,
        )
        same([before, after, row], [[], [append(1, '["a"]')], append(1, '["a"]')])
      }),
  },
  {
    rule: 'keeps its rows apart from the objects that came in and went out',
    check: (open) =>
      within(open, async (store) => {
        const row: StateRow = { ...link('a', 0), inner: { seen: [1] } }
        const running = store.run([{ op: 'add', store: 'state', row }], write)
        Object.assign(row.inner as object, { seen: [2] })
        await running
        const [first] = await store.run([{ op: 'get', store: 'state', key: ['a', 0] }])
        Object.assign(first?.inner as object, { seen: [3] })
        const [second] = await store.run([{ op: 'get', store: 'state', key: ['a', 0] }])
        same(second?.inner, { seen: [1] })
      }),
  },
]

const writes: readonly StoreRule[] = [
  {
    rule: 'refuses to add where a row is, and keeps nothing of that run',
    check: (open) =>
      within(open, async (store) => {
        await store.run(adds(1), write)
        const row = append(1, '["other"]')
        const beside: Request = { op: 'put', store: 'state', row: link('a', 0) }
        await refuses(store.run([beside, ...adds(2), { op: 'add', store: 'writes', row }, ...adds(3)], write), 'taken')
        same([await revisions(store), await links(store)], [[1], []])
        const [kept] = await store.run([{ op: 'get', store: 'writes', key: 1 }])
        same(kept, append(1))
      }),
  },
  {
    rule: 'refuses a run that adds the same key twice, and keeps nothing of it',
    check: (open) =>
      within(open, async (store) => {
        await refuses(store.run(adds(1, 2, 1), write), 'taken')
        same(await revisions(store), [])
      }),
  },
  {
    rule: 'keeps nothing of a run in which a row can not be stored',
    check: (open) =>
      within(open, async (store) => {
        await refuses(
          runAnyway(store, [...adds(1), { op: 'put', store: 'state', row: { ...link('a', 0), f: () => 1 } }]),
        )
        same([await revisions(store), await links(store)], [[], []])
        await store.run(adds(1), write)
        same(await revisions(store), [1])
      }),
  },
  {
    rule: 'replaces a row by put and removes a range by delete, bounds included; without bounds all',
    check: (open) =>
      within(open, async (store) => {
        await store.run(adds(1, 2, 3, 4), write)
        await store.run([{ op: 'put', store: 'writes', row: append(4, '["new"]') }], write)
        await store.run([{ op: 'delete', store: 'writes', from: 2, to: 3 }], write)
        const [rows] = await store.run([{ op: 'range', store: 'writes' }])
        same(rows, [append(1), append(4, '["new"]')])
      }),
  },
  {
    rule: 'refuses to write in a run that only reads',
    check: (open) =>
      within(open, async (store) => {
        await refuses((async () => store.run(adds(1)))())
        same(await revisions(store), [])
      }),
  },
]

const connections: readonly StoreRule[] = [
  {
    rule: 'lets exactly one of eight racing connections add a key',
    check: async (open) => {
      const stores = await Promise.all(Array.from({ length: 8 }, () => open('one')))
      for (let round = 1; round <= 5; round++) {
        const racing = stores.map((store, at) =>
          store.run([{ op: 'add', store: 'writes', row: append(round, `[${at}]`) }], write).then(
            () => at,
            (error: unknown) => (isStoreError(error, 'taken') ? undefined : Promise.reject(error)),
          ),
        )
        const winners = (await Promise.all(racing)).filter((at) => at !== undefined)
        const found = await Promise.all(stores.map((store) => store.run([{ op: 'get', store: 'writes', key: round }])))
        same([winners.length, ...found.map(([row]) => row)], [1, ...stores.map(() => append(round, `[${winners[0]}]`))])
      }
      await Promise.all(stores.map((store) => store.close()))
    },
  },
  {
    rule: 'shows every connection what another one has written',
    check: async (open) => {
      const [one, two, elsewhere] = [await open('one'), await open('one'), await open('two')]
      await one.run(adds(1), write)
      await two.run(adds(2), write)
      same(await Promise.all([one, two, elsewhere].map((store) => revisions(store))), [[1, 2], [1, 2], []])
      await Promise.all([one, two, elsewhere].map((store) => store.close()))
    },
  },
  {
    rule: 'is called the same by every connection, and otherwise in another place',
    check: async (open) => {
      const [one, two, elsewhere] = [await open('one'), await open('one'), await open('two')]
      same(
        [one.identity === two.identity, one.identity === elsewhere.identity, one.identity !== ''],
        [true, false, true],
      )
      await Promise.all([one, two, elsewhere].map((store) => store.close()))
    },
  },
  {
    rule: 'finishes what is under way before it closes, and refuses what comes later',
    check: async (open) => {
      const [store, other] = [await open('one'), await open('one')]
      const running = store.run(adds(1), write)
      await store.close()
      await running
      same(await revisions(other), [1])
      await refuses(store.run(adds(2), write), 'closed')
      await refuses(revisions(store), 'closed')
      same(await revisions(other), [1])
      await other.close()
    },
  },
]

/** The rules of a {@link Store}, for the tests of any store, in any test runner. */
export const storeContract: readonly StoreRule[] = [...reads, ...writes, ...connections]
