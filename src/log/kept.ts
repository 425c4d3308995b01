import { keptChain, rowFormat } from '../protocol/rows.ts'
import type { KeptChanges, KeptRow } from '../protocol/worker.ts'
import { isStoreError, type Range, type Request, type Store } from '../store/store.ts'

/** The rows of `state` whose chains begin so. */
export const chainsFrom = (prefix: string): ChainRange => ({
  op: 'range',
  store: 'state',
  from: [prefix, 0],
  to: [`${prefix}\uffff`, 0],
})
type ChainRange = { readonly op: 'range'; readonly store: 'state' } & Range

/** The rows that consumers keep in chains that begin so, in key order. */
export async function listKept(store: Store, chain: string): Promise<readonly KeptRow[]> {
  const [rows] = await store.run([chainsFrom(keptChain + chain)])
  return rows.map(({ chain, n, value }) => ({ chain: chain.slice(keptChain.length), n, value }))
}

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
    ({ chain, from, to }): Request => ({
      op: 'delete',
      store: 'state',
      from: [keptChain + chain, from],
      to: [keptChain + chain, to],
    }),
  ),
  ...put.map((row): Request => ({ op: 'put', store: 'state', row: rowOf(row) })),
  ...add.map((row): Request => ({ op: 'add', store: 'state', row: rowOf(row) })),
]

const rowOf = ({ chain, n, value }: KeptRow) => ({ chain: keptChain + chain, n, format: rowFormat, value }) as const
