import { toTag } from './commit.ts'
import { mustBe, mustKnow } from './errors.ts'
import type { EventMap, TagsOf } from './event.ts'
import { isRecord, isText } from './guard.ts'
import { queryItemsMax, streamNameMax } from './limits.ts'
import { isQueryItem, type QueryItemData, type Selector } from './query.ts'

/** Tags that an event has to carry, all of them: `{ cartId: 'c1' }`. */
export type TagFilter<M extends EventMap> = { readonly [K in TagsOf<M>]?: string | number }
/** Types are alternatives, tags are all required; an absent part restricts nothing. */
export interface QueryItem<M extends EventMap, K extends keyof M = keyof M> {
  readonly types?: readonly K[]
  readonly tags?: TagFilter<M>
}
/** One item, or several of which one has to hold. `{}` is every event. */
export type Query<M extends EventMap, K extends keyof M = keyof M> = QueryItem<M, K> | readonly QueryItem<M, K>[]

type ExactItem<M extends EventMap, Q> = {
  readonly [P in keyof Q]: P extends 'types'
    ? Q[P]
    : P extends 'tags'
      ? { readonly [T in keyof Q[P]]: T extends TagsOf<M> ? string | number : never }
      : never
}
/** Brings excess-property checks back where the query's own type is inferred. */
export type Exact<M extends EventMap, Q> = Q extends readonly unknown[]
  ? { readonly [I in keyof Q]: ExactItem<M, Q[I]> }
  : ExactItem<M, Q>
/** The event types that a query can give. */
export type TypesOfQuery<M extends EventMap, Q> = Q extends readonly (infer I)[]
  ? TypesOfQuery<M, I>
  : Q extends { readonly types: readonly (infer K)[] }
    ? K & keyof M
    : keyof M

/** The shape of any query at run time. */
export type AnyQuery = AnyItem | readonly AnyItem[]
export interface AnyItem {
  readonly types?: readonly PropertyKey[]
  readonly tags?: Readonly<Record<string, string | number | undefined>>
}

/** A query as data. Throws for a query that is malformed or has no item. */
export function queryToItems(query: AnyQuery): readonly QueryItemData[] {
  const items = [query].flat() as readonly AnyItem[]
  mustBe(items.length > 0 && items.length <= queryItemsMax, 'the number of query items', items.length)
  return items.map(toItem)
}

function toItem(item: AnyItem): QueryItemData {
  mustBe(typeof item === 'object' && item !== null, 'a query item', item)
  mustKnow(item, 'types tags')
  const { types, tags = {} } = item
  const wanted = Object.entries(tags).filter(([, value]) => value !== undefined)
  const isSound =
    (types === undefined || types.length > 0) &&
    isRecord(tags) &&
    wanted.every(([, value]) => typeof value === 'string' || typeof value === 'number')
  const data = { types, tags: wanted.length > 0 ? wanted.map(([key, value]) => toTag(key, value ?? '')) : undefined }
  mustBe(isSound && isQueryItem(data), 'a query item', JSON.stringify(item))
  return data
}

/** Selectors for what a reader asks: a stream, a query, both, or (neither) every event. */
export function scopeToSelectors({
  stream,
  query = {},
}: {
  readonly stream?: string | undefined
  readonly query?: AnyQuery | undefined
}): readonly Selector[] {
  if (stream !== undefined) mustBeStreamName(stream)
  return queryToItems(query).map((item) => ({ ...item, stream }))
}

/** Refuses what can't name a stream: anything but a string of 1 to 512 characters. */
export function mustBeStreamName(stream: unknown): asserts stream is string {
  mustBe(isText(stream, streamNameMax), 'a stream name', stream)
}
