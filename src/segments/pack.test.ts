import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StoredEvent } from '../core/commit.ts'
import { toEventsText } from './events-text.ts'
import type { PlacedCommit } from './pack.ts'
import { commitsOf, readPart } from './part.ts'
import { anyCommits, commitWith, oddNames, packAtOnce, place, readAll, throughUtf8 } from './segments.fixture.ts'

const partEventsMax = 100
const partTextMax = 40_000
const before = (stream: string): number => stream.length * 7
const none = (): number => 0

/** Every event with its place as a plain walk over the log gives it. */
function walk(commits: readonly PlacedCommit[], versionBefore: (stream: string) => number) {
  const versions = new Map<string, number>()
  return commits.flatMap(({ commit, first, revision }) =>
    commit.events.map((event, at) => {
      const version = (versions.get(event.stream) ?? versionBefore(event.stream)) + 1
      versions.set(event.stream, version)
      const { id: commitId, contentId, time, metadata } = commit
      const place = { id: `${contentId}.${at}`, commitId, time, metadata, version, position: first + at }
      return { placed: { ...event, ...place }, revision }
    }),
  )
}
const eventIn = (stream: string, length = 0): StoredEvent => ({ type: 'T', stream, data: 'x'.repeat(length) })
/** A commit for each event. */
const singles = (events: readonly StoredEvent[]): readonly PlacedCommit[] =>
  place(
    1,
    events.map((event, at) => commitWith(`c${at}`, [event])),
  )

describe('a packed segment', () => {
  test('gives every event back with its content and place', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const segment = packAtOnce(commits, before)
        const read = readAll(segment).flat()
        const inLogOrder = read
          .map(({ placed, commit: { revision } }) => ({ placed, revision }))
          .sort((a, b) => a.placed.position - b.placed.position)
        const expected = walk(commits, before)
        expect(inLogOrder).toEqual(expected)
        expect([segment.first, segment.last]).toEqual([
          expected.at(0)?.placed.position,
          expected.at(-1)?.placed.position,
        ])
      }),
    )
  })

  test('gives every one of thousands of small events back, too', () => {
    const events = Array.from({ length: 3_000 }, (_, at) => ({ ...eventIn(`s${(at * at) % 7}`), data: at }))
    const inCommits = Array.from({ length: 300 }, (_, at) => commitWith(`c${at}`, events.slice(at * 10, at * 10 + 10)))
    const commits = place(5_001, inCommits)
    const read = readAll(packAtOnce(commits, before)).flat()
    const places = read.map(({ placed, commit: { revision } }) => ({ placed, revision }))
    expect(places.sort((a, b) => a.placed.position - b.placed.position)).toEqual(walk(commits, before))
  })

  test('gives the commits back with all their fields, those of a newer app too', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        expect(commitsOf(readAll(packAtOnce(commits, before)).flat())).toEqual(commits)
      }),
    )
  })

  test('tells of each event the commit it came in', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        for (const events of readAll(packAtOnce(commits, before)))
          for (const { placed, commit } of events) {
            const source = commits.find(({ commit: { id } }) => id === placed.commitId)
            const { events: all, ...head } = source!.commit
            const { first, revision } = source!
            expect(commit).toEqual({ head, first, size: all.length, revision })
          }
      }),
    )
  })

  test('survives being written as UTF-8', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const { parts, directory } = packAtOnce(commits, before)
        for (const text of [...parts, directory.text(), ...directory.buckets()]) expect(throughUtf8(text)).toBe(text)
      }),
    )
  })

  test('has its events in the order of streams and, in a stream, of positions', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const read = readAll(packAtOnce(commits, before)).flatMap((events) => events.map(({ placed }) => placed))
        const sorted = read.toSorted((a, b) =>
          a.stream === b.stream ? a.position - b.position : a.stream < b.stream ? -1 : 1,
        )
        expect(read).toEqual(sorted)
      }),
    )
  })

  test('has a stream of a hundred small events in one or two parts, however they are spread in the log', () => {
    const events = Array.from({ length: 1_000 }, (_, at) => eventIn(`s${at % 10}`))
    const parts = readAll(packAtOnce(singles(events), none))
    for (let n = 0; n < 10; n++) {
      const holding = parts.filter((events) => events.some(({ placed }) => placed.stream === `s${n}`))
      expect([1, 2]).toContain(holding.length)
    }
  })

  test('counts versions on from what each stream had before', () => {
    const names = [...oddNames, ...oddNames]
    const asked: string[] = []
    const { parts } = packAtOnce(singles(names.map((name) => eventIn(name))), (stream) => {
      asked.push(stream)
      return oddNames.indexOf(stream) * 1_000
    })
    const read = parts.flatMap((text) => readPart(text))
    for (const [at, name] of oddNames.entries()) {
      const versions = read.filter(({ placed }) => placed.stream === name).map(({ placed }) => placed.version)
      expect(versions).toEqual([at * 1_000 + 1, at * 1_000 + 2])
    }
    expect(asked.sort()).toEqual(oddNames.toSorted())
  })
})

describe('a part', () => {
  test('keeps to its bounds in events and text, unless one event is larger', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        for (const text of packAtOnce(commits, before).parts) {
          const events = readPart(text)
          expect(events.length).toBeGreaterThan(0)
          expect(events.length).toBeLessThanOrEqual(partEventsMax)
          if (events.length > 1) expect(text.length).toBeLessThanOrEqual(partTextMax)
        }
      }),
    )
  })

  test('ends only where the next event would not fit', () => {
    fc.assert(
      fc.property(anyCommits, (commits) => {
        const { parts } = packAtOnce(commits, before)
        // A character for each event is kept free for its commit's place in the part.
        const nearlyFull = partTextMax - 3 * partEventsMax
        for (const [at, text] of parts.entries()) {
          const next = parts[at + 1]
          if (next === undefined || readPart(text).length === partEventsMax) continue
          expect(text.length + next.length).toBeGreaterThan(nearlyFull)
        }
      }),
    )
  })

  test('counts the text of the commits it names', () => {
    const events = Array.from({ length: 200 }, () => eventIn('a'))
    const commits = singles(events).map(({ commit, ...rest }) => ({
      ...rest,
      commit: { ...commit, metadata: { note: 'n'.repeat(3_000) } },
    }))
    const { parts } = packAtOnce(commits, none)
    for (const text of parts) expect(text.length).toBeLessThanOrEqual(partTextMax)
    expect(parts.length).toBeLessThan(20)
  })

  test('names a commit once, however many of its events it holds', () => {
    const events = Array.from({ length: 250 }, (_, at) => eventIn(`s${at}`))
    const { parts } = packAtOnce(place(1, [commitWith('only', events)]), none)
    expect(parts.map((text) => readPart(text).length)).toEqual([100, 100, 50])
    for (const text of parts) expect(text.split('"only"')).toHaveLength(2)
  })

  test('holds an event that is larger than a part alone', () => {
    const lengths = { a: 50_000, b: 100, c: 100_000, d: 40_000, e: 100, f: 100 }
    const events = Object.entries(lengths).map(([stream, length]) => eventIn(stream, length))
    const { parts } = packAtOnce(singles(events), none)
    const streams = parts.map((text) => readPart(text).map(({ placed }) => placed.stream))
    expect(streams).toEqual([['a'], ['b'], ['c'], ['d'], ['e', 'f']])
  })

  // Stored on devices: this text is a format and never changes.
  test('has this text for ever', () => {
    const events: readonly StoredEvent[] = [
      { type: 'B', stream: 'z', data: { n: 1 }, tags: ['on:z'], v: 2 },
      { type: 'A', stream: 'y', data: null, v: 3 },
      { type: 'A', stream: 'z', data: [], tags: [] },
    ]
    const own = { ...commitWith('d', [{ type: 'A', stream: 'y', data: '\t' }]), metadata: undefined, later: true }
    const { parts } = packAtOnce(place(11, [commitWith('c', events), own]), (stream) => (stream === 'z' ? 40 : 0))
    expect(parts).toEqual([
      '[[[{"id":"c","contentId":"c/1","time":"2026-01-01T00:00:00.000Z"},11,3,50],\n' +
        '[{"id":"d","contentId":"d/1","time":"2026-01-01T00:00:00.000Z","later":true},14,1,50]],\n\n' +
        '[[12,1,0,{"type":"A","stream":"y","data":null,"v":3}],\n[14,2,1,{"type":"A","stream":"y","data":"\\t"}],\n' +
        '[11,41,0,{"type":"B","stream":"z","data":{"n":1},"tags":["on:z"],"v":2}],\n' +
        '[13,42,0,{"type":"A","stream":"z","data":[],"tags":[]}]]]',
    ])
  })

  test('is refused when an event names a commit that is not there', () => {
    const [event] = readPart('[[],\n\n[[7,1,0,{"type":"T","stream":"a","data":null}]]]')
    expect(() => event?.placed).toThrow('damaged')
    expect(() => toEventsText([event!])).toThrow('damaged')
  })
})

describe('the commits of some parts', () => {
  test('are those whose events are all there', () => {
    fc.assert(
      fc.property(anyCommits, fc.infiniteStream(fc.boolean()), (commits, choice) => {
        const parts = readAll(packAtOnce(commits, before)).filter(() => choice.next().value)
        const positions = new Set(parts.flatMap((events) => events.map(({ position }) => position)))
        const whole = commits.filter(({ commit, first }) => commit.events.every((_, at) => positions.has(first + at)))
        expect(commitsOf(parts.flat())).toEqual(whole)
      }),
    )
  })

  test('are in log order, whatever the order of the parts', () => {
    const commits = singles(Array.from({ length: 300 }, (_, at) => eventIn(`s${(at * 7) % 30}`)))
    expect(commitsOf(readAll(packAtOnce(commits, none)).toReversed().flat())).toEqual(commits)
  })
})
