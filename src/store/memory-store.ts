import { identityChain, rowFormat } from '../protocol/rows.ts'
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
  readonly tables: Map<StoreName, Entry[]>
}

export function createMemoryDatabase(identity: string): MemoryDatabase {
  const names = Object.keys(keyPaths) as StoreName[]
  const database: MemoryDatabase = { identity, tables: new Map(names.map((name) => [name, []])) }
  put(database, 'state', { chain: identityChain, n: 0, format: rowFormat, id: identity })
  return database
}

/** A store in memory: for browsers that give no storage, and (`durable` as told) for tests and the simulator. */
export function openMemoryStore(database: MemoryDatabase, options: { readonly durable?: boolean } = {}): Store {
  let closed = false
  return {
    identity: database.identity,
    durable: options.durable ?? false,
    async run<const R extends readonly Request[]>(requests: R, options: RunOptions = {}): Promise<Results<R>> {
      if (closed) throw new StoreError('closed', 'the store was closed')
      const results = applyAll(database, requests, options.write === true)
      await Promise.resolve()
      return results as Results<R>
    },
    async close() {
      closed = true
    },
  }
}

/** Everything or nothing: what stood before is put back when a request fails. */
function applyAll(database: MemoryDatabase, requests: readonly Request[], write: boolean): unknown[] {
  // A single request changes nothing before it fails.
  const before =
    write && requests.length > 1 ? [...database.tables].map(([name, rows]) => ({ name, rows: [...rows] })) : []
  try {
    return requests.map((request) => apply(database, request, write))
  } catch (error) {
    for (const { name, rows } of before) database.tables.set(name, rows)
    throw error
  }
}

function apply(database: MemoryDatabase, request: Request, write: boolean): unknown {
  const table = tableOf(database, request.store)
  switch (request.op) {
    case 'get':
      return clone(table[indexOf(table, request.key)], request.key)
    case 'range':
      return rangeOf(table, request).map((entry) => structuredClone(entry.row))
    case 'add':
      mustWrite(write)
      if (has(database, request.store, request.row))
        throw new StoreError('taken', `a row of ${request.store} has that key already`)
      put(database, request.store, structuredClone(request.row))
      return undefined
    case 'put':
      mustWrite(write)
      put(database, request.store, structuredClone(request.row))
      return undefined
    case 'delete':
      mustWrite(write)
      remove(table, request.from, request.to)
      return undefined
  }
}

const mustWrite = (write: boolean): void => {
  if (!write) throw new TypeError('a readonly transaction writes')
}
const tableOf = (database: MemoryDatabase, name: StoreName): Entry[] => database.tables.get(name) ?? []

const clone = (entry: Entry | undefined, key: Key): object | undefined =>
  entry !== undefined && compare(entry.key, key) === 0 ? structuredClone(entry.row) : undefined

function rangeOf(table: readonly Entry[], { after, from, to, limit }: Range): readonly Entry[] {
  let start = after === undefined ? (from === undefined ? 0 : indexOf(table, from)) : indexOf(table, after)
  const first = table[start]
  if (after !== undefined && first !== undefined && compare(first.key, after) === 0) start++
  let end = table.length
  if (to !== undefined) {
    end = indexOf(table, to)
    const last = table[end]
    if (last !== undefined && compare(last.key, to) === 0) end++
  }
  return table.slice(start, limit === undefined ? end : Math.min(end, start + limit))
}

function put(database: MemoryDatabase, name: StoreName, row: object): void {
  const table = tableOf(database, name)
  const key = keyOf(name, row)
  const at = indexOf(table, key)
  const present = table[at]
  table.splice(at, present !== undefined && compare(present.key, key) === 0 ? 1 : 0, { key, row })
}
function has(database: MemoryDatabase, name: StoreName, row: object): boolean {
  const table = tableOf(database, name)
  const key = keyOf(name, row)
  const present = table[indexOf(table, key)]
  return present !== undefined && compare(present.key, key) === 0
}
function remove(table: Entry[], from: Key, to: Key): void {
  const kept = table.filter((entry) => compare(entry.key, from) < 0 || compare(entry.key, to) > 0)
  table.splice(0, table.length, ...kept)
}

function keyOf(name: StoreName, row: object): Key {
  const path = keyPaths[name]
  const part = (field: string): string | number => row[field as keyof typeof row]
  return typeof path === 'string' ? Number(part(path)) : [part(path[0] ?? ''), Number(part(path[1] ?? ''))]
}

/** Index of the first entry at or above the key. */
function indexOf(table: readonly Entry[], key: Key): number {
  let low = 0
  let high = table.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = table[middle]
    if (entry !== undefined && compare(entry.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function compare(a: Key, b: Key): number {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) - Number(b)
  if (a[0] === b[0]) return a[1] - b[1]
  if (typeof a[0] !== typeof b[0]) return typeof a[0] === 'number' ? -1 : 1
  return a[0] < b[0] ? -1 : 1
}
