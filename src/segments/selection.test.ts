import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matches, type Selector } from '../core/query.ts'
import type { Found } from './directory.ts'
import type { Segment } from './pack.ts'
import { findInPart, readPart } from './part.ts'
import { anyCommits, anyName, findTerm, packAtOnce, readAll, termsByPart } from './segments.fixture.ts'
import { partsFor, termsOf } from './selection.ts'
import { type Term, termOf } from './terms.ts'

const anySelector: fc.Arbitrary<Selector> = fc.record(
  { stream: anyName, types: fc.array(anyName, { maxLength: 3 }), tags: fc.array(anyName, { maxLength: 2 }) },
  { requiredKeys: [] },
)
const anySelectors = fc.array(anySelector, { maxLength: 3 })
const none = (): number => 0
const findIn = ({ directory, parts }: Segment): ((term: Term) => Found | undefined) => {
  const text = directory.text()
  return (term) => findTerm(text, term, parts.length)
}

describe('the parts for selectors', () => {
  test('hold every event that matches', () => {
    fc.assert(
      fc.property(anyCommits, anySelectors, (commits, selectors) => {
        const segment = packAtOnce(commits, none)
        const parts = partsFor(selectors, findIn(segment), segment.parts.length)
        const outside = readAll(segment).filter((_, at) => !parts.includes(at))
        const missed = outside.flatMap((events) => events.filter(({ placed }) => matches(selectors, placed)))
        expect(missed).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('are those that have the terms of a selector, rising, each once', () => {
    const has = (terms: ReadonlySet<Term>, { stream, types, tags }: Selector): boolean =>
      (stream === undefined || terms.has(termOf.stream(stream))) &&
      (types === undefined || types.some((type) => terms.has(termOf.type(type)))) &&
      (tags === undefined || tags.every((tag) => terms.has(termOf.tag(tag))))
    fc.assert(
      fc.property(anyCommits, anySelectors, (commits, selectors) => {
        const segment = packAtOnce(commits, none)
        const expected = termsByPart(segment).flatMap((terms, at) =>
          selectors.some((selector) => has(terms, selector)) ? [at] : [],
        )
        expect(partsFor(selectors, findIn(segment), segment.parts.length)).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  test('are all where a selector restricts nothing', () => {
    const nowhere = (): undefined => undefined
    expect(partsFor([{}], nowhere, 3)).toEqual([0, 1, 2])
    expect(partsFor([{ tags: [] }], nowhere, 3)).toEqual([0, 1, 2])
    expect(partsFor([{ stream: 'a' }, {}], nowhere, 3)).toEqual([0, 1, 2])
  })

  test('are none where nothing can match', () => {
    const everywhere = (): Found => ({ parts: [0, 1, 2], version: 0 })
    expect(partsFor([], everywhere, 3)).toEqual([])
    expect(partsFor([{ types: [] }], everywhere, 3)).toEqual([])
    expect(partsFor([{ stream: 'a', types: [] }], everywhere, 3)).toEqual([])
  })
})

describe('the terms of selectors', () => {
  test('are what is looked up for their parts, each once', () => {
    fc.assert(
      fc.property(anySelectors, (selectors) => {
        const lookedUp = new Set<Term>()
        partsFor(selectors, (term) => void lookedUp.add(term), 3)
        expect(termsOf(selectors)).toEqual([...lookedUp])
      }),
    )
  })

  test('are stream, types and tags', () => {
    const selectors = [{ stream: 'a', types: ['T', 'U'], tags: ['k:1', 'k:2'] }, { types: ['T'] }, {}]
    expect(termsOf(selectors).toSorted()).toEqual(['gk:1', 'gk:2', 'sa', 'tT', 'tU'])
    expect(termsOf([])).toEqual([])
  })
})

describe('what is found in a part', () => {
  const anySelector = fc.record(
    { stream: anyName, types: fc.array(anyName, { maxLength: 2 }), tags: fc.array(anyName, { maxLength: 2 }) },
    { requiredKeys: [] },
  )
  test('is what a look at every event finds', () => {
    fc.assert(
      fc.property(anyCommits, fc.array(anySelector, { minLength: 1, maxLength: 25 }), (commits, selectors) => {
        for (const text of packAtOnce(commits, () => 0).parts)
          expect(findInPart(text, selectors).map(({ placed }) => placed)).toEqual(
            readPart(text)
              .map(({ placed }) => placed)
              .filter((placed) => matches(selectors, placed)),
          )
      }),
    )
  })
})
