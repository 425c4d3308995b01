import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonIssues } from './json.ts'
import { dataDepthMax } from './limits.ts'
import { fitsBytes } from './text-size.ts'

const pathsOf = (value: unknown): readonly string[] => jsonIssues(value).map(({ path }) => path)
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 1)

/** What JSON text has no word for, each with something that makes a fresh one. */
const unsayable: readonly (readonly [string, () => unknown])[] = [
  ['a function', () => () => 1],
  ['a symbol', () => Symbol('s')],
  ['a bigint', () => 1n],
  ['NaN', () => Number.NaN],
  ['Infinity', () => Number.POSITIVE_INFINITY],
  ['a date', () => new Date(0)],
  ['a map', () => new Map()],
  ['a set', () => new Set()],
  ['bytes', () => new Uint8Array(1)],
  ['a class instance', () => new (class Price {})()],
  ['a boxed string', () => Object('text')],
  ['a regular expression', () => /x/],
]

describe('jsonIssues', () => {
  test('finds nothing in what comes back equal from JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(jsonIssues(value)).toEqual([])
        expect(JSON.parse(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('finds an issue in everything that JSON text would change, and nothing in the rest', () => {
    const anything = fc.anything({
      withDate: true,
      withMap: true,
      withSet: true,
      withBigInt: true,
      withNullPrototype: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        if (jsonIssues(value).length > 0) return
        // An absent property and one that is undefined are the same in JSON, and so are 0 and -0.
        const back: unknown = JSON.parse(JSON.stringify(value))
        expect(back).toEqual(plain(value))
      }),
      { numRuns: 200 },
    )
  })

  test.each(unsayable)('names the place of %s', (_name, make) => {
    expect(pathsOf(make())).toEqual([''])
    expect(pathsOf({ a: [1, { b: make() }] })).toEqual(['.a.1.b'])
    expect(pathsOf([make(), make()])).toEqual(['.0', '.1'])
  })

  test('takes undefined as an absent property, and refuses it in a list', () => {
    expect(pathsOf({ a: undefined })).toEqual([])
    expect(pathsOf({ a: [undefined] })).toEqual(['.a.0'])
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    expect(pathsOf([1, , 2])).toEqual(['.1'])
  })

  test('finds cycles, and lets one object stand in two places', () => {
    const cycle: Record<string, unknown> = { inner: {} }
    cycle.inner = { back: cycle }
    const list: unknown[] = []
    list.push(list)
    const shared = { a: 1 }
    expect(pathsOf(cycle)).toEqual(['.inner.back'])
    expect(pathsOf(list)).toEqual(['.0'])
    expect(pathsOf([shared, shared, { shared }])).toEqual([])
  })

  test('refuses what is nested too deeply, and not what is just deep enough', () => {
    expect(pathsOf(nested(dataDepthMax))).toEqual([])
    expect(pathsOf(nested(dataDepthMax + 1))).toHaveLength(1)
  })

  test('answers for a value that can not be read', () => {
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no entry')
        },
      },
    )
    const getter = {
      get price(): number {
        throw new Error('no price')
      },
    }
    for (const [value, why] of [
      [trap, 'no entry'],
      [getter, 'no price'],
    ] as const)
      expect(jsonIssues(value)).toEqual([{ path: '', message: expect.stringContaining(why) }])
  })
})

/** The value without what JSON leaves out, and with one zero. */
function plain(value: unknown): unknown {
  if (value === 0) return 0
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const out: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value))
    if (member !== undefined)
      Object.defineProperty(out, key, { value: plain(member), enumerable: true, writable: true, configurable: true })
  return out
}

describe('fitsBytes', () => {
  test('agrees with the bytes of the encoded text', () => {
    const encoder = new TextEncoder()
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 0, max: 200 }), (text, max) => {
        return fitsBytes(text, max) === encoder.encode(text).byteLength <= max
      }),
      { numRuns: 150 },
    )
  })

  test.each([
    ['one byte each', 'aaaa', 4],
    ['two bytes each', 'éé', 4],
    ['three bytes', '€', 3],
    ['four bytes, two code units', '😀', 4],
  ])('counts %s to the byte', (_name, text, bytes) => {
    expect(fitsBytes(text, bytes)).toBe(true)
    expect(fitsBytes(text, bytes - 1)).toBe(false)
  })
})
