import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readFileText, toFileText } from './file.ts'
import { anyCommits, packAtOnce, throughUtf8 } from './segments.fixture.ts'

const digest = '0123456789abcdef'
const anySegment = anyCommits.map((commits) => packAtOnce(commits, () => 0))

describe('a segment file', () => {
  test('gives back what it was made of, also after a way as UTF-8', () => {
    fc.assert(
      fc.property(anySegment, (segment) => {
        const { first, last, parts, directory } = segment
        const file = readFileText(throughUtf8(toFileText(segment, digest)))
        expect(file).toEqual({ first, last, digest, directory: directory.buckets(), parts })
      }),
    )
  })

  test('that is cut short, or has anything behind its end, is not read', () => {
    fc.assert(
      fc.property(anySegment, fc.nat(), (segment, nat) => {
        const text = toFileText(segment, digest)
        expect(readFileText(text.slice(0, nat % text.length))).toBeUndefined()
        expect(readFileText(`${text}x`)).toBeUndefined()
      }),
    )
  })

  test('with a header of another format, or none, is not read', () => {
    const text = toFileText(
      packAtOnce(fc.sample(anyCommits, { numRuns: 1, seed: 1 })[0] ?? [], () => 0),
      digest,
    )
    const [header = ''] = text.split('\n')
    const withHeader = (change: Readonly<Record<string, unknown>>): string =>
      text.replace(header, JSON.stringify({ ...JSON.parse(header), ...change }))
    expect(readFileText(withHeader({}))).toBeDefined()
    const wrong = [
      { format: 2 },
      { first: 0 },
      { last: 0 },
      { digest: 'x' },
      { directory: [1] },
      { parts: [] },
      { parts: [-1] },
      { parts: undefined },
    ]
    for (const change of wrong) expect(readFileText(withHeader(change))).toBeUndefined()
    for (const other of ['', '\n', 'null\n', '{}\n', 'no JSON\n']) expect(readFileText(other)).toBeUndefined()
  })
})
