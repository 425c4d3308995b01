import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { queryToItems, scopeToSelectors } from './queries.ts'
import { conditionToSelectors, isQueryItem, matches, type QueryItemData, type Selectable } from './query.ts'

const event: Selectable = { type: 'ItemAdded', stream: 'cart-1', tags: ['cartId:1', 'productId:p'] }

describe('a selector', () => {
  test('takes types as alternatives', () => {
    expect(matches([{ types: ['Other', 'ItemAdded'] }], event)).toBe(true)
    expect(matches([{ types: ['Other'] }], event)).toBe(false)
  })

  test('wants all of its tags', () => {
    expect(matches([{ tags: ['cartId:1'] }], event)).toBe(true)
    expect(matches([{ tags: ['cartId:1', 'productId:p'] }], event)).toBe(true)
    expect(matches([{ tags: ['cartId:1', 'productId:q'] }], event)).toBe(false)
    expect(matches([{ tags: ['cartId:1'] }], { type: 'ItemAdded', stream: 'cart-1' })).toBe(false)
  })

  test('wants every part it has, and restricts nothing by one it has not', () => {
    expect(matches([{ types: ['ItemAdded'], tags: ['cartId:2'] }], event)).toBe(false)
    expect(matches([{ types: ['Other'], tags: ['cartId:1'] }], event)).toBe(false)
    expect(matches([{ stream: 'cart-2', types: ['ItemAdded'] }], event)).toBe(false)
    expect(matches([{ stream: 'cart-1', types: ['ItemAdded'], tags: ['cartId:1'] }], event)).toBe(true)
    expect(matches([{}], event)).toBe(true)
  })

  test('is one of several of which one has to hold; none hold of nothing', () => {
    expect(matches([{ types: ['Other'] }, { tags: ['cartId:1'] }], event)).toBe(true)
    expect(matches([], event)).toBe(false)
  })

  test('of a condition is one for each stream and each query item', () => {
    expect(conditionToSelectors({ streams: ['a', 'b'], query: [{ types: ['T'] }] })).toEqual([
      { stream: 'a' },
      { stream: 'b' },
      { types: ['T'] },
    ])
    expect(conditionToSelectors(undefined)).toEqual([])
    expect(conditionToSelectors({})).toEqual([])
  })

  test('from outside is guarded whatever it is', () => {
    fc.assert(fc.property(fc.anything(), (value) => typeof isQueryItem(value) === 'boolean'))
    const good: QueryItemData = { types: ['T'], tags: ['a:b'] }
    expect(isQueryItem(good)).toBe(true)
    const bad: readonly unknown[] = [null, [], { types: 'T' }, { types: [''] }, { tags: [1] }]
    expect(bad.filter(isQueryItem)).toEqual([])
  })
})

describe('queryToItems', () => {
  test('turns tags into terms and leaves absent parts out', () => {
    expect(queryToItems({ types: ['A'], tags: { cartId: 'c', seat: 3, none: undefined } })).toEqual([
      { types: ['A'], tags: ['cartId:c', 'seat:3'] },
    ])
    expect(queryToItems({})).toEqual([{}])
    expect(queryToItems([{ types: ['A'] }, { tags: { a: '1' } }])).toEqual([{ types: ['A'] }, { tags: ['a:1'] }])
  })

  const malformed: readonly (readonly [string, unknown])[] = [
    ['no item', []],
    ['too many items', Array.from({ length: 129 }, () => ({}))],
    ['an item that is no object', [null]],
    ['a key that a query item has not', { type: 'A' }],
    ['an empty list of types', { types: [] }],
    ['types that are no list', { types: 'A' }],
    ['an empty type', { types: [''] }],
    ['tags that are no object', { tags: 'a' }],
    ['a tag that is an object', { tags: { a: {} } }],
    ['a tag that is null', { tags: { a: null } }],
  ]
  test.each(malformed)('throws for %s', (_name, query) => {
    expect(() => queryToItems(query as never)).toThrow(expect.objectContaining({ code: 'tidelog/argument' }))
  })
})

describe('scopeToSelectors', () => {
  test('puts the stream on every alternative', () => {
    expect(scopeToSelectors({ stream: 's' })).toEqual([{ stream: 's' }])
    expect(scopeToSelectors({ stream: 's', query: [{ types: ['A'] }, { tags: { a: 1 } }] })).toEqual([
      { stream: 's', types: ['A'] },
      { stream: 's', tags: ['a:1'] },
    ])
    expect(scopeToSelectors({})).toEqual([{}])
  })

  test.each([[''], ['x'.repeat(513)], [7], [null]])('throws for the stream name %s', (stream) => {
    expect(() => scopeToSelectors({ stream: stream as never })).toThrow(
      expect.objectContaining({ code: 'tidelog/argument' }),
    )
  })
})
