import type { Selector } from '../core/query.ts'
import { allParts, type Found } from './directory.ts'
import { type Term, termOf } from './terms.ts'

/** The terms that have to be looked up for selectors, each once. */
export const termsOf = (selectors: readonly Selector[]): readonly Term[] => [
  ...new Set(selectors.flatMap(alternativesOf).flat()),
]

/** Numbers of the parts that may hold a match, rising; all of them for a selector that restricts nothing. */
export function partsFor(
  selectors: readonly Selector[],
  find: (term: Term) => Found | undefined,
  partCount: number,
): readonly number[] {
  const found = selectors.flatMap((selector) => {
    const lists = alternativesOf(selector).map((terms) => terms.flatMap((term) => find(term)?.parts ?? []))
    const [shortest = allParts(partCount), ...others] = lists.sort((a, b) => a.length - b.length)
    return shortest.filter((part) => others.every((list) => list.includes(part)))
  })
  return [...new Set(found)].sort((a, b) => a - b)
}

/** Lists of terms: an event has one of each list. */
const alternativesOf = ({ stream, types, tags = [] }: Selector): readonly (readonly Term[])[] => [
  ...(stream === undefined ? [] : [[termOf.stream(stream)]]),
  ...tags.map((tag) => [termOf.tag(tag)]),
  ...(types === undefined ? [] : [types.map(termOf.type)]),
]
