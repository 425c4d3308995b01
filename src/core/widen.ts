import { toTag } from './commit.ts'
import type { EventMap } from './event.ts'
import type { AnyItem, AnyQuery } from './queries.ts'
import type { Selectable } from './query.ts'

// What is stored is found by its own type, and asked for by the types of what it has become. Who asks is where the model is
// known; the log, and the server, look for stored types only.

/** The types under which events of these may be stored: more where others became them. The same list where there are none. */
export function widenTypes<T extends PropertyKey>(definitions: EventMap, types: readonly T[]): readonly T[] {
  const origins = types.map((type) => definitions[type as string]?.origins as readonly T[] | undefined)
  return origins.some(Boolean) ? [...new Set(types.flatMap((type, at) => origins[at] ?? [type]))] : types
}

/** A query that finds stored events: also those that have become what is asked for. The same where there are none. */
export function widenQuery<Q extends AnyQuery | undefined>(definitions: EventMap, query: Q): Q {
  let isWider = false
  const items = listOf(query).map((item) => {
    if (!Array.isArray(item?.types)) return item
    const types = widenTypes(definitions, item.types)
    isWider ||= types !== item.types
    return { ...item, types }
  })
  if (!isWider) return query
  return (Array.isArray(query) ? items : items[0]) as Q
}

/** Where to look for what a scope asks for, and what of that was asked for: an event that can't be told is. */
export interface Widened<S> {
  readonly scope: S
  readonly isAsked: (event: Selectable) => boolean
}
export function widen<S extends { readonly query?: AnyQuery | undefined }>(
  definitions: EventMap,
  asked: S,
): Widened<S> {
  const query = widenQuery(definitions, asked.query)
  if (query === asked.query) return { scope: asked, isAsked: () => true }
  const isAsked = (event: Selectable): boolean =>
    event.type === '$unknown' || listOf(asked.query).some((item) => isOf(item, event))
  return { scope: { ...asked, query }, isAsked }
}

const listOf = (query: AnyQuery | undefined): readonly AnyItem[] => [query].flat() as readonly AnyItem[]

/** The stream needs no look: it is that of the stored event. */
const isOf = ({ types, tags = {} }: AnyItem, event: Selectable): boolean =>
  types?.includes(event.type) !== false &&
  Object.entries(tags).every(([key, value]) => value === undefined || event.tags?.includes(toTag(key, value)))
