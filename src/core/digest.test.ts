import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOfNothing, hashText, nextDigest } from './digest.ts'

type Entry = readonly [id: string, contentId: string]
const chain = (entries: readonly Entry[]): string =>
  entries.reduce((digest, [id, contentId]) => nextDigest(digest, id, contentId), digestOfNothing)

describe('the digest of a log', () => {
  // Stored in databases and sent by every device: these values are a format and never change.
  test('has these values for ever', () => {
    expect(digestOfNothing).toBe('0000000000000000')
    expect(chain([['a', 'a1']])).toBe('2d0596fb3ad8af69')
    expect(
      chain([
        ['a', 'a1'],
        ['b', 'b1'],
      ]),
    ).toBe('e886fb7c57fce0a8')
    expect(hashText('')).toBe('88f81a1cd42e560a')
    expect(hashText('Grüße 😀')).toBe('51f5cbfdcb65d874')
  })

  const entry = fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.string({ minLength: 1, maxLength: 4 }))

  test('is another one for another order, content, id or length', () => {
    const logs = fc.array(entry, { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(logs, fc.nat(5), (log, nth) => {
        const at = nth % (log.length - 1)
        const [first, second] = [log[at], log[at + 1]]
        if (first === undefined || second === undefined) return
        const swapped = [...log.slice(0, at), second, first, ...log.slice(at + 2)]
        if (JSON.stringify(first) !== JSON.stringify(second)) expect(chain(swapped)).not.toBe(chain(log))
        expect(chain(log.slice(0, -1))).not.toBe(chain(log))
        expect(chain(log.with(at, [first[0], `${first[1]}x`]))).not.toBe(chain(log))
        expect(chain(log.with(at, [`${first[0]}x`, first[1]]))).not.toBe(chain(log))
      }),
    )
  })

  test('is 16 hexadecimal digits, the same every time', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(hashText(text)).toMatch(/^[0-9a-f]{16}$/)
        expect(hashText(text)).toBe(hashText(text))
      }),
    )
  })

  test('does not meet another one in a hundred thousand logs', () => {
    const seen = new Set(Array.from({ length: 100_000 }, (_, at) => chain([[`c${at}`, `d${at}`]])))
    expect(seen.size).toBe(100_000)
  })
})
