import { identityChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import {
  type Key,
  keyPaths,
  type Range,
  type Request,
  type Results,
  type RunOptions,
  type Store,
  StoreError,
  type StoreName,
} from './store.ts'

interface Entry {
  readonly key: Key
  readonly row: object
}
/** What several memory stores can share, as tabs share a database. */
export interface MemoryDatabase {
  readonly identity: string
  readonly tables: Map<string, Entry[]>
}

export function createMemoryDatabase(identity: string): MemoryDatabase {
  const tables = new Map<string, Entry[]>(Object.keys(keyPaths).map((name) => [name, []]))
  const row: StateRow = { chain: identityChain, n: 0, format: rowFormat, id: identity }
  apply(tables, { op: 'put', store: 'state', row }, true)
  return { identity, tables }
}

/** A store in memory: for browsers that give no storage, and (`durable` as told) for tests and the simulator. */
export function openMemoryStore(
  { identity, tables }: MemoryDatabase,
  { durable = false }: { readonly durable?: boolean } = {},
): Store {
  let closed = false
  return {
    identity,
    durable,
    async run<const R extends readonly Request[]>(requests: R, { write = false }: RunOptions = {}) {
      if (closed) throw new StoreError('closed', 'the store was closed')
      return applyAll(tables, requests, write) as Results<R>
    },
    async close() {
      closed = true
    },
  }
}

type Tables = MemoryDatabase['tables']

/** Everything or nothing: what stood before is put back when a request fails. */
function applyAll(tables: Tables, requests: readonly Request[], write: boolean): unknown[] {
  // A single request changes nothing before it fails.
  const before = write && requests.length > 1 ? [...tables].map(([name, rows]) => ({ name, rows: [...rows] })) : []
  try {
    return requests.map((request) => apply(tables, request, write))
  } catch (error) {
    for (const { name, rows } of before) tables.set(name, rows)
    throw error
  }
}

function apply(tables: Tables, request: Request, write: boolean): unknown {
  const { op, store } = request
  const table = tables.get(store) ?? []
  const { after, from, to, limit } = rangeOf(request)
  if (from !== undefined && to !== undefined && isBelow(to, from)) throw new StoreError('lost', 'the range is empty')
  const start = countWhile(table, ({ key }) =>
    after === undefined ? from !== undefined && isBelow(key, from) : !isBelow(after, key),
  )
  const end = to === undefined ? table.length : countWhile(table, ({ key }) => !isBelow(to, key))
  const found = table.slice(start, limit === undefined ? end : Math.min(end, start + limit))
  if (op === 'get') return structuredClone(found[0]?.row)
  if (op === 'range') return found.map(({ row }) => structuredClone(row))
  if (op === 'count') return found.length
  if (!write) throw new TypeError('a readonly transaction writes')
  if (op === 'add' && found.length > 0) throw new StoreError('taken', `taken: a key of ${store}`)
  const kept = 'row' in request ? [{ key: keyOf(store, request.row), row: structuredClone(request.row) }] : []
  table.splice(start, end - start, ...kept)
  return undefined
}

function rangeOf(request: Request): Range {
  if (request.op === 'range' || request.op === 'count' || request.op === 'delete') return request
  const key = request.op === 'get' ? request.key : keyOf(request.store, request.row)
  return { from: key, to: key }
}

function keyOf(name: StoreName, row: object): Key {
  const path = keyPaths[name]
  const part = (field: string): unknown => row[field as keyof typeof row]
  return (typeof path === 'string' ? part(path) : path.map(part)) as Key
}

/** How many entries of a sorted table come before the first that does not hold. */
function countWhile(table: readonly Entry[], holds: (entry: Entry) => boolean): number {
  let low = 0
  let high = table.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = table[middle]
    if (entry !== undefined && holds(entry)) low = middle + 1
    else high = middle
  }
  return low
}

function isBelow(a: Key, b: Key): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a < b
  return a[0] === b[0] ? a[1] < b[1] : a[0] < b[0]
}
