import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matches, type Selector } from '../core/query.ts'
import { above, EventIndex, type Window } from './event-index.ts'
import { eventOf } from './log.fixture.ts'

const shorts = fc.array(fc.constantFrom('a1', 'a2', 'b1', 'b2', 'c1', 'c3'), { maxLength: 40 })
const subset = <T>(values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values], { minLength: 1, maxLength: 2 })
const selector: fc.Arbitrary<Selector> = fc
  .record({
    stream: fc.option(fc.constantFrom('a', 'b', 'z'), { nil: undefined }),
    types: fc.option(subset(['T1', 'T2', 'T9']), { nil: undefined }),
    tags: fc.option(subset(['on:a', 'on:b', 'kind:1', 'kind:9']), { nil: undefined }),
  })
  .map(({ stream, types, tags }) => ({ ...(stream && { stream }), ...(types && { types }), ...(tags && { tags }) }))
const window: fc.Arbitrary<Window> = fc.record({
  after: fc.nat(20),
  through: fc.nat(45),
  backwards: fc.boolean(),
})

describe('the index', () => {
  test('finds what a look at every event finds, each once, in the direction of the window', () => {
    fc.assert(
      fc.property(
        shorts,
        fc.array(selector, { maxLength: 3 }),
        window,
        (list, selectors, { after, through, backwards }) => {
          const index = new EventIndex()
          list.forEach((short, at) => index.add(at + 1, eventOf(short)))
          // The caller bounds the window by what is there.
          const end = Math.min(through, list.length)
          const naive = list.flatMap((short, at) => {
            const ordinal = at + 1
            return ordinal > after && ordinal <= end && matches(selectors, eventOf(short)) ? [ordinal] : []
          })
          const found = [...index.matching(selectors, { after, through: end, backwards: backwards === true })]
          expect(found).toEqual(backwards === true ? naive.reverse() : naive)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('counts versions as the stream does', () => {
    fc.assert(
      fc.property(shorts, (list) => {
        const index = new EventIndex()
        const counts = new Map<string, number>()
        list.forEach((short, at) => {
          const { stream } = eventOf(short)
          index.add(at + 1, eventOf(short))
          counts.set(stream, (counts.get(stream) ?? 0) + 1)
          expect(index.versionOf(stream, at + 1)).toBe(counts.get(stream))
          expect(index.ordinalOf(stream, counts.get(stream) ?? 0)).toBe(at + 1)
        })
        for (const stream of ['a', 'b', 'c', 'z']) expect(index.countOf(stream)).toBe(counts.get(stream) ?? 0)
      }),
    )
  })

  test('lets a walk go on while events are added behind it', () => {
    const index = new EventIndex()
    index.add(1, eventOf('a1'))
    const walk = index.matching([{ stream: 'a' }], { after: 0, through: 9 })
    expect(walk.next().value).toBe(1)
    index.add(2, eventOf('a1'))
    expect([...walk].every((ordinal) => ordinal === 2)).toBe(true)
  })
})

test('above counts the numbers at or below a value', () => {
  const rising = fc.uniqueArray(fc.nat(50)).map((list) => list.sort((a, b) => a - b))
  fc.assert(
    fc.property(rising, fc.nat(60), (list, value) => above(list, value) === list.filter((one) => one <= value).length),
  )
})
