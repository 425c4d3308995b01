// A model of stock, what its rows are, and the same from a fold that is as plain as can be.
import { defineEvents, defineFor, defineLog, event, type LogOf, type } from 'tidelog'
import type { CountOptions, FindOptions, IndexKey } from 'tidelog/read-model'

const stream = ({ productId }: { productId: string }) => `stock-${productId}`
export const events = defineEvents({
  Counted: event(type<{ productId: string; count: number }>(), { stream }),
  Named: event(type<{ productId: string; name: string; tags: string[] }>(), { stream, tags: ['productId'] }),
  Moved: event(type<{ from: string; to: string; count: number }>(), { stream: () => 'moves' }),
  Dropped: event(type<{ productId: string }>(), { stream }),
  Broken: event(type<{ productId: string; how: string }>(), { stream }),
  Looked: event(type<{ productId: string }>(), { stream: () => 'looks' }),
})
export const define = defineFor(events)

export interface Stock {
  readonly name: string
  readonly count: number
  readonly tags: readonly string[]
  readonly changes: number
}
const none: Stock = { name: '', count: 0, tags: [], changes: 0 }
const change = (row: Stock | undefined, part: Partial<Stock>): Stock => {
  const { changes, ...rest } = row ?? none
  return { ...rest, ...part, changes: changes + 1 }
}

export interface StockOptions {
  readonly version?: number
  readonly upgrade?: (old: unknown, fromVersion: number, id: string) => Stock | undefined
  /** Called for each `Broken`; without it they are no events of the model. */
  readonly broken?: (row: Stock | undefined, how: string) => unknown
  readonly folded?: () => void
}
/** Rows by product, in the order of their count, name, tags, and of name and count. */
export const stockModel = ({ version = 1, upgrade, broken, folded = () => {} }: StockOptions = {}) =>
  define.readModel<Stock>({
    name: 'stock',
    version,
    ids: {
      Counted: ({ data }) => data.productId,
      Named: ({ data }) => data.productId,
      Moved: ({ data }) => [data.from, data.to],
      Dropped: ({ data }) => data.productId,
      Broken: ({ data }) => data.productId,
    },
    on: {
      Counted: (row, { data }) => {
        folded()
        return change(row, { count: data.count })
      },
      Named: (row, { data }) => change(row, { name: data.name, tags: data.tags }),
      Moved: (row, { data }, id) => {
        const sign = (id === data.to ? 1 : 0) - (id === data.from ? 1 : 0)
        return change(row, { count: (row?.count ?? 0) + sign * data.count })
      },
      Dropped: () => undefined,
      ...(broken && { Broken: (row, { data }) => broken(row, data.how) as Stock | undefined }),
    },
    indexes: {
      count: (row) => [row.count],
      name: (row) => [row.name],
      tags: (row) => row.tags,
      both: (row) => [[row.name, row.count]],
    },
    ...(upgrade && { upgrade }),
  })
export const stock = stockModel()
export const shop = defineLog({ name: 'stock', events })
export type StockLog = LogOf<typeof shop>

/** What the rows have to be. */
export async function foldPlainly(log: StockLog, handleBroken?: StockOptions['broken']): Promise<Map<string, Stock>> {
  const rows = new Map<string, Stock>()
  const set = (id: string, part: Partial<Stock>) => rows.set(id, change(rows.get(id), part))
  for (const { type, data } of (await log.read().all()).events) {
    if (type === 'Counted') set(data.productId, { count: data.count })
    if (type === 'Named') set(data.productId, { name: data.name, tags: data.tags })
    if (type === 'Dropped') rows.delete(data.productId)
    if (type === 'Moved')
      for (const id of new Set([data.from, data.to])) {
        const sign = (id === data.to ? 1 : 0) - (id === data.from ? 1 : 0)
        set(id, { count: (rows.get(id)?.count ?? 0) + sign * data.count })
      }
    if (type === 'Broken' && handleBroken !== undefined)
      rows.set(data.productId, handleBroken(rows.get(data.productId), data.how) as Stock)
  }
  return rows
}

const keysOf: Readonly<Record<string, (row: Stock) => readonly IndexKey[]>> = {
  count: (row) => [row.count],
  name: (row) => [row.name],
  tags: (row) => [...new Set(row.tags)],
  both: (row) => [[row.name, row.count]],
}

const kindOf = (key: IndexKey): number => ['boolean', 'number', 'string', 'object'].indexOf(typeof key)
/** The order of keys, written apart from the code that it judges. */
export function compareKeys(a: IndexKey, b: IndexKey): number {
  if (kindOf(a) !== kindOf(b)) return kindOf(a) - kindOf(b)
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let at = 0; at < Math.min(a.length, b.length); at++) {
      const order = compareKeys(a[at], b[at])
      if (order !== 0) return order
    }
    return a.length - b.length
  }
  return a < b ? -1 : a > b ? 1 : 0
}
function beginsWith(key: IndexKey, prefix: IndexKey): boolean {
  if (typeof key === 'string' && typeof prefix === 'string') return key.startsWith(prefix)
  return Array.isArray(key) && Array.isArray(prefix) && prefix.every((part, at) => key[at] === part)
}

/** The answer to a query without limit, the slow way. */
export function findPlainly(
  rows: ReadonlyMap<string, Stock>,
  { index, equals, prefix, from, to, order }: FindOptions & CountOptions,
): readonly { readonly id: string; readonly row: Stock }[] {
  const entries = [...rows].flatMap(([id, row]) =>
    (index === undefined ? [id] : (keysOf[index]?.(row) ?? [])).map((key) => ({ key, id, row })),
  )
  const found = entries.filter(
    ({ key }) =>
      (equals === undefined || compareKeys(key, equals) === 0) &&
      (prefix === undefined || beginsWith(key, prefix)) &&
      (from === undefined || compareKeys(key, from) >= 0) &&
      (to === undefined || compareKeys(key, to) <= 0),
  )
  found.sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.id, b.id))
  if (order === 'descending') found.reverse()
  return found.map(({ id, row }) => ({ id, row }))
}
