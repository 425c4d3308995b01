import { keptChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import type { KeptAsk, KeptChanges, KeptFound, KeptRow } from '../protocol/worker.ts'
import { isStoreError, type Key, type Range, type Request, type Store } from '../store/store.ts'

/** The rows of `state` whose chains begin so. */
export const chainsFrom = (prefix: string): ChainRange => ({
  op: 'range',
  store: 'state',
  from: [prefix, 0],
  to: [`${prefix}\uffff`, 0],
})
type ChainRange = { readonly op: 'range'; readonly store: 'state' } & Required<Pick<Range, 'from' | 'to'>>

/** The rows that consumers keep in chains that begin so, in key order. */
export async function listKept(store: Store, chain: string): Promise<readonly KeptRow[]> {
  const [rows] = await store.run([chainsFrom(keptChain + chain)])
  return rows.map(toKept)
}
const toKept = ({ chain, n, value }: StateRow): KeptRow => ({ chain: chain.slice(keptChain.length), n, value })

/** Rows that are copied at once. */
const copiedMax = 500

/** What consumers keep, as requests that put it elsewhere, some at a time; without read models, which are made anew. */
export async function* keptCopies(store: Store): AsyncGenerator<readonly Request[]> {
  const models = `${keptChain}rows/`
  const { to } = chainsFrom(keptChain)
  for (let after: Key = [keptChain, -1]; ; ) {
    const [rows]: readonly [readonly StateRow[]] = await store.run([
      { op: 'range', store: 'state', after, to, limit: copiedMax },
    ])
    const last = rows.at(-1)
    if (last === undefined) return
    const copied = rows.filter(({ chain }) => !chain.startsWith(models))
    if (copied.length > 0) yield copied.map((row): Request => ({ op: 'put', store: 'state', row }))
    after = last.chain.startsWith(models) ? [`${models}\uffff`, 0] : [last.chain, last.n]
  }
}

/** Parts of what consumers keep, read in one transaction. */
export async function lookUp(store: Store, asks: readonly KeptAsk[]): Promise<readonly KeptFound[]> {
  const found = await store.run(asks.map(toRequest))
  return found.map((rows) =>
    typeof rows === 'number' ? { rows: [], count: rows } : { rows: rows.map(toKept), count: rows.length },
  )
}

function toRequest({ chain, n = 0, until, limit, isCount = false }: KeptAsk): Looking {
  const from: Key = [keptChain + chain, n]
  const to: Key = until === undefined ? [keptChain + chain, Number.MAX_SAFE_INTEGER] : [keptChain + until, -1]
  const range = { store: 'state', from, to } as const
  return isCount ? { op: 'count', ...range } : { op: 'range', ...range, ...(limit !== undefined && { limit }) }
}
type Looking = ChainRange | (Omit<ChainRange, 'op' | 'limit'> & { readonly op: 'count' })

/** Keeps rows in one transaction. False when a key of `add` is taken. */
export async function keep(store: Store, changes: KeptChanges): Promise<boolean> {
  try {
    await store.run(keptRequests(changes), { write: true })
    return true
  } catch (error) {
    if (isStoreError(error, 'taken')) return false
    throw error
  }
}

export const keptRequests = ({ put = [], add = [], delete: gone = [] }: KeptChanges = {}): Request[] => [
  ...gone.map(
    ({ chain, from, to, last = chain }): Request => ({
      op: 'delete',
      store: 'state',
      from: [keptChain + chain, from],
      to: [keptChain + last, to],
    }),
  ),
  ...put.map((row): Request => ({ op: 'put', store: 'state', row: rowOf(row) })),
  ...add.map((row): Request => ({ op: 'add', store: 'state', row: rowOf(row) })),
]

const rowOf = ({ chain, n, value }: KeptRow) => ({ chain: keptChain + chain, n, format: rowFormat, value }) as const
