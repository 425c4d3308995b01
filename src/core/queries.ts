import { toTag } from './commit.ts'
import { mustBe } from './errors.ts'
import type { EventMap, TagsOf } from './event.ts'
import { isText } from './guard.ts'
import { eventTypeMax, queryItemsMax, streamNameMax } from './limits.ts'
import type { QueryItemData, Selector } from './query.ts'

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
interface AnyItem {
  readonly types?: readonly PropertyKey[]
  readonly tags?: Readonly<Record<string, string | number | undefined>>
}

/** A query as data. Throws for a query that is malformed or has no item. */
export function queryToItems(query: AnyQuery): readonly QueryItemData[] {
  const items: readonly AnyItem[] = isItemList(query) ? query : [query]
  mustBe(items.length > 0, 'a query needs at least one item; every event is {}')
  mustBe(items.length <= queryItemsMax, `a query has at most ${queryItemsMax} items`)
  return items.map(toItem)
}

const isItemList = (query: AnyQuery): query is readonly AnyItem[] => Array.isArray(query)

function toItem(item: AnyItem): QueryItemData {
  mustBe(typeof item === 'object' && item !== null, 'a query item must be an object')
  for (const key of Object.keys(item)) mustBe(key === 'types' || key === 'tags', `a query item has no "${key}"`)
  const { types, tags } = item
  if (types !== undefined) {
    mustBe(Array.isArray(types) && types.length > 0, 'types must be a list with at least one event type')
    for (const name of types) mustBe(isText(name, eventTypeMax), 'an event type must be a string')
  }
  if (tags !== undefined) mustBe(typeof tags === 'object' && tags !== null, 'tags must be an object')
  const wanted = Object.entries(tags ?? {}).flatMap(([key, value]) => {
    if (value === undefined) return []
    mustBe(typeof value === 'string' || typeof value === 'number', `the tag ${key} must be a string or a number`)
    return [toTag(key, value)]
  })
  return {
    ...(types === undefined ? {} : { types: types.map(String) }),
    ...(wanted.length === 0 ? {} : { tags: wanted }),
  }
}

/** Selectors for what a reader asks: a stream, a query, both, or (neither) every event. */
export function scopeToSelectors(scope: { readonly stream?: string; readonly query?: AnyQuery }): readonly Selector[] {
  const { stream, query } = scope
  if (stream !== undefined) mustBeStreamName(stream)
  const items = query === undefined ? [{}] : queryToItems(query)
  return stream === undefined ? items : items.map((item) => ({ stream, ...item }))
}

/** Refuses what can't name a stream: anything but a string of 1 to 512 characters. */
export function mustBeStreamName(stream: unknown): asserts stream is string {
  mustBe(
    isText(stream, streamNameMax),
    `a stream name must be a string of 1 to ${streamNameMax} characters, not ${describe(stream)}`,
  )
}
const describe = (value: unknown): string =>
  typeof value === 'string' ? `one of ${value.length}` : `${typeof value} ${String(value)}`
