import { behind, isRowId, keyToText, prefixToText } from '../consumer/rows-keys.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import { isCount, isWellFormed } from '../core/guard.ts'
import type { AnyReadModel, IndexKey } from '../core/read-model.ts'
import { next, type Range } from './stored.ts'

/** Which rows: all, or by the keys of an index; without one by their ids. One of `equals`, `prefix` and a range. */
export interface CountOptions {
  readonly index?: string | undefined
  readonly equals?: IndexKey | undefined
  /** Of a text, or the first elements of a tuple. */
  readonly prefix?: IndexKey | undefined
  /** Inclusive, as `to` is. */
  readonly from?: IndexKey | undefined
  readonly to?: IndexKey | undefined
}
export interface FindOptions extends CountOptions {
  readonly order?: 'ascending' | 'descending' | undefined
  readonly limit?: number | undefined
  /** What the page before gave as `next`. */
  readonly after?: string | undefined
}

/** What is asked for, as places of an order. */
export interface Wanted {
  readonly index: string | undefined
  readonly range: Range
}
export interface FindWanted extends Wanted {
  readonly isDescending: boolean
  readonly limit: number
}

/** Throws `tidelog/argument` for options that make no sense. */
export function readCountOptions(model: AnyReadModel, options: CountOptions): Wanted {
  mustKnow(options, 'index equals prefix from to')
  const { index, equals, prefix, from, to } = options
  mustBe(index === undefined || Object.hasOwn(model.indexes ?? {}, index), 'an index', index)
  const ways = [equals, prefix, from ?? to].filter((way) => way !== undefined)
  mustBe(ways.length <= 1, 'a query', 'more than one of equals, prefix and a range')
  return { index, range: index === undefined ? rangeOfIds(options) : rangeOfKeys(options) }
}

export function readFindOptions(
  model: AnyReadModel,
  { order = 'ascending', limit, after, ...options }: FindOptions,
): FindWanted {
  const { index, range } = readCountOptions(model, options)
  mustBe(order === 'ascending' || order === 'descending', 'order', order)
  mustBe(limit === undefined || isCount(limit, 1), 'limit', limit)
  const isDescending = order === 'descending'
  const wanted = { index, isDescending, limit: limit ?? Number.POSITIVE_INFINITY }
  if (after === undefined) return { ...wanted, range }
  const place = placeOf(after, index)
  const { from, until } = range
  if (!isDescending) return { ...wanted, range: { from: from > place ? from : next(place), until } }
  return { ...wanted, range: { from, until: until !== undefined && until < place ? until : place } }
}

/** Where a page ends, as the next one takes it. */
export const toCursor = (index: string | undefined, place: string): string =>
  encodeURIComponent(JSON.stringify([index ?? '', place]))

function placeOf(cursor: string, index: string | undefined): string {
  try {
    const [of, place] = JSON.parse(decodeURIComponent(cursor))
    if (of === (index ?? '') && typeof place === 'string') return place
  } catch {}
  return mustBe(false, 'after', cursor) as never
}

/** Whether a place lies in a range. */
export const isIn = ({ from, until }: Range, place: string): boolean =>
  place >= from && (until === undefined || place < until)

function rangeOfIds({ equals, prefix, from = '', to }: CountOptions): Range {
  if (equals !== undefined) {
    mustBe(isRowId(equals), 'equals', equals)
    return { from: equals, until: next(equals) }
  }
  if (prefix !== undefined) {
    mustBe(typeof prefix === 'string' && isWellFormed(prefix), 'prefix', prefix)
    return { from: prefix, until: prefix === '' ? undefined : behind(prefix) }
  }
  mustBe(typeof from === 'string' && isWellFormed(from), 'from', from)
  mustBe(to === undefined || (typeof to === 'string' && isWellFormed(to)), 'to', to)
  return { from, until: to === undefined ? undefined : next(to) }
}

function rangeOfKeys({ equals, prefix, from, to }: CountOptions): Range {
  const text = (what: string, key: IndexKey): string => {
    const found = keyToText(key)
    mustBe(found !== undefined, what, key)
    return found
  }
  if (prefix !== undefined) {
    const found = prefixToText(prefix)
    mustBe(found !== undefined, 'prefix', prefix)
    return { from: found, until: behind(found) }
  }
  const first = equals ?? from
  const last = equals ?? to
  return {
    from: first === undefined ? '' : text('from', first),
    until: last === undefined ? undefined : behind(text('to', last)),
  }
}
