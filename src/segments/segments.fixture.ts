import fc from 'fast-check'
import type { Commit, StoredEvent } from '../core/commit.ts'
import { Directory, type Found } from './directory.ts'
import { zip } from './gzip.fixture.ts'
import { type PackedSegment, type PlacedCommit, packInSteps, type Segment, type VersionBefore } from './pack.ts'
import { readPart, type SealedEvent } from './part.ts'
import { type Term, termOf } from './terms.ts'

/** Names that a text format is likely to trip over, and that begin or end one another. */
export const oddNames: readonly string[] = [
  ...['a', 'aa', 'ab', 'ba', 's', 'sa', '', ' ', '*', '0', '1', '10', ',', '1,2', 'null', '__proto__'],
  ...['a\tb', 'a\\tb', '\t', '\n', 'a\n', '\na', '\nsa\t', 'a\t\t*', '\r\n', '\0', '\u001f', '\u007f', '\u2028'],
  ...['"', 'a"', '\\', '\\\\', '\\"', '\\n', '\\ud800', '\ud800', '\udc00', 'a\udfff', '😀', 'Grüße', '日本'],
]
const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 })
  .map((units) => String.fromCharCode(...units))
export const anyName: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 3, arbitrary: fc.constantFrom(...oddNames) },
  { weight: 1, arbitrary: anyText },
)

/** Data that is now and then so long that few events fit into a part. */
const anyData: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, 0, '', '\ud800', [], {}, { a: [1, null, 'x"\\'] }, [0, 0]),
  fc.integer({ min: 1_000, max: 25_000 }).map((length) => 'x'.repeat(length)),
)
const anyEvent: fc.Arbitrary<StoredEvent> = fc.record(
  {
    type: anyName,
    stream: anyName,
    data: anyData,
    tags: fc.array(anyName, { maxLength: 3 }),
    v: fc.integer({ min: 1, max: 40 }),
  },
  { requiredKeys: ['type', 'stream', 'data'] },
)
/** What a commit has beside its ids and events; `later` is of a newer app. */
const anyHead = fc.record(
  {
    time: fc.constant('2026-01-01T00:00:00.000Z'),
    metadata: fc.constantFrom({ actor: 'ann' }, {}, { actor: '"\t\ud800', note: 'n'.repeat(5_000) }),
    condition: fc.constantFrom({ streams: ['a'] }, { query: [{ types: ['T'], tags: [] }] }),
    attempt: fc.constant(2),
    later: fc.constantFrom(null, { list: [1, 'two'] }),
  },
  { requiredKeys: ['time'] },
)

/** Commits one behind the other from any position. */
export const anyCommits: fc.Arbitrary<readonly PlacedCommit[]> = fc
  .tuple(
    fc.constantFrom(1, 2, 1_000, 123_456_789),
    fc.array(fc.tuple(anyHead, fc.array(anyEvent, { minLength: 1, maxLength: 12 })), { minLength: 1, maxLength: 12 }),
  )
  .map(([first, list]) =>
    place(
      first,
      list.map(([head, events], at) => ({ ...head, id: `c${at}`, contentId: `c${at}/${at % 3}`, events })),
    ),
  )

/** Gives commits their places; every second one came with the write before. */
export function place(first: number, commits: readonly Commit[]): readonly PlacedCommit[] {
  let next = first
  return commits.map((commit, at) => {
    const placed = { commit, first: next, revision: 50 + (at >> 1) }
    next += commit.events.length
    return placed
  })
}

/** A commit whose events are all that matters of it. */
export const commitWith = (id: string, events: readonly StoredEvent[]): Commit => ({
  id,
  contentId: `${id}/1`,
  time: '2026-01-01T00:00:00.000Z',
  events,
})

export const readAll = (segment: Segment): readonly (readonly SealedEvent[])[] =>
  segment.parts.map((text) => readPart(text))

/** The terms of each part, by a look at its events. */
export const termsByPart = (segment: Segment): readonly ReadonlySet<Term>[] =>
  readAll(segment).map(
    (events) =>
      new Set(
        events.flatMap(({ placed: { stream, type, tags = [], commitId } }) => [
          termOf.stream(stream),
          termOf.type(type),
          termOf.commit(commitId),
          ...tags.map(termOf.tag),
        ]),
      ),
  )

/** What a text is after it was written as UTF-8 and read again. */
export const throughUtf8 = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text))

export const findTerm = (text: string, term: Term, partCount: number): Found | undefined =>
  new Directory(text).find(term, partCount)

/** Packs in one go. */
export function packAtOnce(commits: readonly PlacedCommit[], versionBefore: VersionBefore): Segment {
  const steps = packInSteps(commits, versionBefore)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same with its parts gzipped. */
export function zipAtOnce(commits: readonly PlacedCommit[], versionBefore: VersionBefore): PackedSegment {
  const segment = packAtOnce(commits, versionBefore)
  return { ...segment, parts: segment.parts.map(zip) }
}
