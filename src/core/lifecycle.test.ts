import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { erasing, erasureOf, matcherOf } from './lifecycle.ts'

describe('a pattern of streams', () => {
  test.each([
    ['views-*', 'views-', true],
    ['views-*', 'views-a\nb', true],
    ['views-*', 'my-views-a', false],
    ['*', '', true],
    ['a', 'a', true],
    ['a', 'ab', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-c-b', false],
    ['a*b*c', 'a-b-b-c', true],
    ['*b', 'abb', true],
    ['a.c', 'abc', false],
    ['$(*)', '$(x)', true],
    ['**', 'a', true],
  ])('%j means %j: %s', (pattern, stream, isMeant) => {
    expect(matcherOf(pattern)(stream)).toBe(isMeant)
  })

  test('means what an expression would', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
    fc.assert(
      fc.property(word, word, (pattern, stream) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's')
        expect(matcherOf(pattern)(stream)).toBe(expression.test(stream))
      }),
    )
  })

  test('of many stars takes no longer than one of few', () => {
    const isOf = matcherOf(`${'*a'.repeat(60)}*b`)
    const start = performance.now()
    expect(isOf('a'.repeat(255))).toBe(false)
    expect(performance.now() - start).toBeLessThan(500)
  })
})

test('an erasure never reaches itself, nor what comes behind it', () => {
  const erasure = erasureOf({ type: '$erased', stream: 's', data: { through: 99 } }, 5)
  const isErased = erasing(erasure ? [erasure] : [])
  expect([4, 5, 6].map((position) => isErased({ type: 'A', stream: 's' }, position))).toEqual([true, false, false])
  expect(isErased({ type: '$closed', stream: 's' }, 1)).toBe(false)
  expect(isErased({ type: 'A', stream: 's2' }, 1)).toBe(false)
})

test.each([
  ['none', null],
  ['a list', []],
  ['a fraction of a position', { through: 1.5 }],
  ['a pattern that is no yes', { isPattern: false }],
  ['a reason that is no text', { reason: 1 }],
])('an erasure with data that is %s removes nothing', (_what, data) => {
  expect(erasureOf({ type: '$erased', stream: 's', data }, 5)).toBeUndefined()
})
