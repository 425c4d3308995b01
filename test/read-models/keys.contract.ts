// Keys as texts sort as the keys do, and nothing in a key can pass for the end of it.
import fc from 'fast-check'
import type { IndexKey } from 'tidelog/read-model'
import { describe, expect, test } from 'vitest'
import { behind, isRowId, keyToText, prefixToText } from '../../src/consumer/rows-keys.ts'
import { compareKeys } from './stock.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc
    .array(fc.constantFrom('\u0000', '\u0001', '\u0002', 'a', '\uffff', '😀'), { maxLength: 4 })
    .map((parts) => parts.join('')),
)
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1, -1, Number.MIN_VALUE, -Number.MIN_VALUE, Infinity, -Infinity, Number.MAX_VALUE),
)
const atom = fc.oneof(fc.boolean(), number, text)
const key: fc.Arbitrary<IndexKey> = fc.oneof(atom, fc.array(atom, { maxLength: 3 }))
const sign = (order: number): number => (order < 0 ? -1 : order > 0 ? 1 : 0)
const compareTexts = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0)
/** Both zeros are one key. */
const order = (a: IndexKey, b: IndexKey) => sign(compareKeys(a, b))

export function describeKeys(): void {
  describe('a key as text', () => {
    test('sorts as the keys do', () => {
      fc.assert(
        fc.property(key, key, (a, b) => compareTexts(keyToText(a), keyToText(b)) === order(a, b)),
        { numRuns: 5_000 },
      )
    })

    test('sorts by the key before all that follows it', () => {
      const property = fc.property(key, text, key, text, (a, idA, b, idB) => {
        const expected = order(a, b) || sign(compareTexts(idA, idB))
        return compareTexts(keyToText(a) + idA, keyToText(b) + idB) === expected
      })
      fc.assert(property, { numRuns: 5_000 })
    })

    test('begins with the text of a prefix just when the key does', () => {
      const property = fc.property(key, fc.oneof(text, fc.array(atom, { maxLength: 3 })), (a, prefix) => {
        const [place = '', from = ''] = [keyToText(a), prefixToText(prefix)]
        const isText = typeof a === 'string' && typeof prefix === 'string' && a.startsWith(prefix)
        const isTuple =
          Array.isArray(a) &&
          Array.isArray(prefix) &&
          prefix.every((part, at) => at < a.length && order(a[at], part) === 0)
        return (place >= from && place < behind(from)) === (isText || isTuple)
      })
      fc.assert(property, { numRuns: 5_000 })
    })

    test('is none for what can not be sorted, kept or told apart', () => {
      const none = [NaN, null, undefined, {}, [[1]], [NaN], [undefined], '\ud800', ['\udc00'], 1n, 'x'.repeat(2_000)]
      expect(none.map(keyToText)).toEqual(none.map(() => undefined))
      // biome-ignore lint/suspicious/noSparseArray: that is what has to be seen
      expect(keyToText([1, , 2])).toBe(undefined)
      expect(['', '\ud800', 'x'.repeat(513), 7, 'x', '\u0000'].map(isRowId)).toEqual([
        false,
        false,
        false,
        false,
        true,
        true,
      ])
    })
  })
}
