import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DirectoryBuilder, type Found, streamVersions } from './directory.ts'
import {
  anyCommits,
  anyName,
  findTerm,
  oddNames,
  packAtOnce,
  readAll,
  termsByPart,
  throughUtf8,
} from './segments.fixture.ts'
import { bucketCount, bucketOf, type Term, termOf } from './terms.ts'

const before = (stream: string): number => stream.length * 5_000
const anyTerm = anyName.chain((name) =>
  fc.constantFrom(termOf.stream(name), termOf.type(name), termOf.tag(name), termOf.commit(name)),
)
const buildFrom = (entries: ReadonlyMap<Term, Found>): DirectoryBuilder => {
  const builder = new DirectoryBuilder()
  for (const [term, { parts, version }] of entries) for (const part of parts) builder.add(term, part, version)
  return builder
}

describe('the directory of a segment', () => {
  test('finds for a term the parts with such an event and no others, in the whole text and in its bucket', () => {
    fc.assert(
      fc.property(anyCommits, fc.array(anyTerm), (commits, others) => {
        const segment = packAtOnce(commits, before)
        const [text, buckets] = [segment.directory.text(), segment.directory.buckets()]
        const terms = termsByPart(segment)
        const partCount = segment.parts.length
        for (const term of new Set([...terms.flatMap((part) => [...part]), ...others])) {
          const parts = terms.flatMap((part, at) => (part.has(term) ? [at] : []))
          const found = findTerm(text, term, partCount)
          expect(found?.parts ?? []).toEqual(parts)
          expect(findTerm(buckets[bucketOf(term)]!, term, partCount)).toEqual(found)
        }
      }),
    )
  })

  test('knows the last version of a stream and none of other terms', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const segment = packAtOnce(commits, before)
        const text = segment.directory.text()
        const versionOf = (term: Term): number | undefined => findTerm(text, term, segment.parts.length)?.version
        const last = new Map<string, number>()
        for (const events of readAll(segment))
          for (const { placed } of events) {
            last.set(placed.stream, placed.version)
            expect(versionOf(termOf.type(placed.type))).toBe(0)
            expect(versionOf(termOf.commit(placed.commitId))).toBe(0)
            for (const tag of placed.tags ?? []) expect(versionOf(termOf.tag(tag))).toBe(0)
          }
        for (const [stream, version] of last) expect(versionOf(termOf.stream(stream))).toBe(version)
      }),
    )
  })
})

describe('the text of a directory', () => {
  test('lists the streams with their last versions and nothing else, also bucket by bucket', () => {
    const parts = fc.uniqueArray(fc.nat(9), { minLength: 1 }).map((list) => list.sort((a, b) => a - b))
    const found = fc.record({ parts, version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) })
    fc.assert(
      fc.property(fc.dictionary(anyName, found), fc.array(anyTerm), (streams, others) => {
        const builder = buildFrom(new Map(Object.entries(streams).map(([name, entry]) => [termOf.stream(name), entry])))
        for (const term of others) if (!term.startsWith('s')) builder.add(term, 0)
        const expected = new Map(Object.entries(streams).map(([name, { version }]) => [name, version]))
        expect(new Map(streamVersions(builder.text()))).toEqual(expected)
        expect(new Map(builder.buckets().flatMap((text) => [...streamVersions(text)]))).toEqual(expected)
      }),
    )
    expect([...streamVersions('')]).toEqual([])
  })

  test('gives back what was added, for any terms', () => {
    const parts = fc.uniqueArray(fc.nat(2_000), { minLength: 1 }).map((list) => list.sort((a, b) => a - b))
    const found = fc.record({ parts, version: fc.maxSafeNat() })
    fc.assert(
      fc.property(fc.array(fc.tuple(anyTerm, found)), (list) => {
        const entries = new Map(list)
        const partCount = 1 + Math.max(0, ...[...entries.values()].flatMap((entry) => entry.parts))
        const builder = buildFrom(entries)
        const [text, buckets] = [throughUtf8(builder.text()), builder.buckets().map(throughUtf8)]
        for (const [term, entry] of entries) {
          expect(findTerm(text, term, partCount)).toEqual(entry)
          expect(findTerm(buckets[bucketOf(term)]!, term, partCount)).toEqual(entry)
        }
      }),
    )
  })

  test('never takes one term for another, such as its beginning, its end or its escaped form', () => {
    const names = [
      ...new Set(oddNames.flatMap((name) => [name, `${name}\t`, `\n${name}`, JSON.stringify(name).slice(1, -1)])),
    ]
    for (const left of names) {
      const builder = new DirectoryBuilder()
      for (const [at, name] of names.entries()) if (name !== left) builder.add(termOf.stream(name), at, at)
      const text = builder.text()
      for (const [at, name] of names.entries()) {
        const expected = name === left ? undefined : { parts: [at], version: at }
        expect(findTerm(text, termOf.stream(name), names.length)).toEqual(expected)
      }
    }
  })

  test('tells a stream, a type and a tag of one name apart', () => {
    const builder = new DirectoryBuilder()
    for (const [at, kind] of (['stream', 'type', 'tag'] as const).entries()) builder.add(termOf[kind]('a'), at)
    const parts = [termOf.stream('a'), termOf.type('a'), termOf.tag('a')].map(
      (term) => findTerm(builder.text(), term, 3)?.parts,
    )
    expect(parts).toEqual([[0], [1], [2]])
  })

  test('takes control characters, half surrogates and no other character out of a name', () => {
    const builder = new DirectoryBuilder()
    for (const name of oddNames) builder.add(termOf.tag(name), 0)
    const lines = builder.text().split('\n').slice(1, -1)
    expect(lines).toHaveLength(oddNames.length)
    for (const line of lines) {
      expect(line.split('\t')).toHaveLength(3)
      expect([...line.replaceAll('\t', '')].filter((one) => one < ' ' || /\p{Cs}/u.test(one))).toEqual([])
    }
    for (const name of ['😀', 'Grüße', '日本', '\u2028']) expect(builder.text()).toContain(`\ng${name}\t`)
  })

  test('holds nothing where nothing was added', () => {
    const builder = new DirectoryBuilder()
    expect(builder.text()).toBe('')
    expect(builder.buckets()).toEqual(Array.from({ length: bucketCount }, () => ''))
    expect(findTerm('', termOf.stream('a'), 3)).toBeUndefined()
  })

  // Stored on devices: this text, the terms and their buckets are a format and never change.
  test('is this one for ever', () => {
    const builder = new DirectoryBuilder()
    for (const part of [0, 0, 1, 2, 50, 51]) builder.add(termOf.type('T'), part)
    for (const part of [1, 37, 50]) builder.add(termOf.stream('a\tb'), part, 40 + part)
    builder.add(termOf.tag('on:a'), 51)
    for (let part = 0; part <= 51; part++) builder.add(termOf.tag('all'), part)
    builder.add(termOf.tag(''), 0)
    expect(builder.text()).toBe('\ntT\t\t0,1,1,1c,1\nsa\\tb\t2i\t1,10,d\ngon:a\t\t1f\ngall\t\t*\ng\t\t0\n')
    expect(termOf.commit('c')).toBe('i9dc3e112')
    expect(['s', 'tT', 'gon:a', termOf.commit('c')].map(bucketOf)).toEqual([123, 54, 43, 33])
  })
})

describe('the bucket of a term', () => {
  test('holds its line and no other bucket does', () => {
    const builder = new DirectoryBuilder()
    for (let n = 0; n < 2_000; n++) builder.add(termOf.stream(`s${n}`), n % 9, n)
    const buckets = builder.buckets()
    expect(buckets).toHaveLength(bucketCount)
    const inBuckets = buckets.flatMap((text) => text.split('\n').filter(Boolean))
    expect(inBuckets.sort()).toEqual(builder.text().split('\n').filter(Boolean).sort())
  })

  test('is a number below the count, and terms spread over all of them', () => {
    const counts = Array.from({ length: bucketCount }, () => 0)
    for (let n = 0; n < bucketCount * 40; n++) counts[bucketOf(termOf.stream(`order-${n}`))]! += 1
    expect(counts).toHaveLength(bucketCount)
    expect(Math.min(...counts)).toBeGreaterThan(10)
    expect(Math.max(...counts)).toBeLessThan(90)
  })
})
