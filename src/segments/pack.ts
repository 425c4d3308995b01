import type { Commit, StoredEvent } from '../core/commit.ts'
import { DirectoryBuilder } from './directory.ts'
import { type Bytes, gzip } from './gzip.ts'
import { lineBreak, listBreak } from './part-text.ts'
import { termOf } from './terms.ts'

/** Events of one part. */
const partEventsMax = 100
/** Characters of a part's text; one event may be larger. */
const partTextMax = 40_000
/** Characters of a part's text without events: `[[],⏎⏎[]]`. */
const emptyPartText = 9
/** Characters of a commit's place in a part, which holds no more commits than events. */
const indexText = 2

/** Events that are packed without a pause. */
const eventsPerStep = 500

/** A confirmed commit and its place. */
export interface PlacedCommit {
  readonly commit: Commit
  /** Position of its first event. */
  readonly first: number
  /** Revision of the write that brought it. */
  readonly revision: number
}

/** The events at `first` to `last`, in parts that are found by stream, type, tag and commit id. */
export interface Segment {
  readonly first: number
  readonly last: number
  /** Texts of parts. */
  readonly parts: readonly string[]
  readonly directory: DirectoryBuilder
}
/** The same with its parts gzipped. */
export interface PackedSegment extends Omit<Segment, 'parts'> {
  readonly parts: readonly Bytes[]
}

/** A commit on its way into parts: its texts are made once. */
interface Source {
  readonly head: string
  readonly term: string
  /** The last part it was written to, and its place there. */
  part: number
  index: number
}

interface Entry {
  readonly event: StoredEvent
  readonly position: number
  readonly source: Source
}

export type VersionBefore = (stream: string) => number

/**
 * Packs commits that follow each other, at least one; `versionBefore` says how many events a stream has before the first one.
 * Every few milliseconds `pause` may let other work go first.
 */
export async function packSegment(
  commits: readonly PlacedCommit[],
  versionBefore: VersionBefore,
  pause: () => Promise<void> | undefined,
): Promise<PackedSegment> {
  const steps = packInSteps(commits, versionBefore)
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) await pause()
  const parts: Bytes[] = []
  for (const text of step.value.parts) {
    parts.push(await gzip(text))
    await pause()
  }
  return { ...step.value, parts }
}

/** Sorts and cuts them, by whoever takes the steps. */
export function* packInSteps(
  commits: readonly PlacedCommit[],
  versionBefore: VersionBefore,
): Generator<undefined, Segment> {
  const directory = new DirectoryBuilder()
  const parts: string[] = []
  let heads: string[] = []
  let events: string[] = []
  let size = emptyPartText
  const close = (): void => {
    parts.push(`[[${heads.join(lineBreak)}${listBreak}${events.join(lineBreak)}]]`)
    heads = []
    events = []
    size = emptyPartText
  }
  const streams = yield* byStream(commits)
  let untilPause = eventsPerStep
  for (const stream of [...streams.keys()].sort()) {
    const streamTerm = termOf.stream(stream)
    let version = versionBefore(stream)
    for (const { event, position, source } of streams.get(stream) ?? []) {
      version++
      const place = `[${position},${version},`
      const content = contentText(event)
      const eventSize = place.length + indexText + content.length + lineBreak.length
      const headSize = source.part === parts.length ? 0 : source.head.length + lineBreak.length
      if (events.length === partEventsMax || (events.length > 0 && size + headSize + eventSize > partTextMax)) close()
      if (source.part !== parts.length) {
        source.part = parts.length
        source.index = heads.push(source.head) - 1
        size += source.head.length + lineBreak.length
        directory.add(source.term, parts.length)
      }
      events.push(place + source.index + content)
      size += eventSize
      directory.add(streamTerm, parts.length, version)
      directory.add(termOf.type(event.type), parts.length)
      for (const tag of event.tags ?? []) directory.add(termOf.tag(tag), parts.length)
      if (--untilPause > 0) continue
      untilPause = eventsPerStep
      yield
    }
  }
  close()
  const last = commits.at(-1)
  return {
    first: commits[0]?.first ?? 0,
    last: last ? last.first + last.commit.events.length - 1 : 0,
    parts,
    directory,
  }
}

/** The events of each stream in log order. */
function* byStream(commits: readonly PlacedCommit[]): Generator<undefined, ReadonlyMap<string, readonly Entry[]>> {
  const streams = new Map<string, Entry[]>()
  let untilPause = eventsPerStep
  for (const { commit, first, revision } of commits) {
    const { events } = commit
    const head = JSON.stringify([{ ...commit, events: undefined }, first, events.length, revision])
    const source = { head, term: termOf.commit(commit.id), part: -1, index: 0 }
    events.forEach((event, at) => {
      const entry = { event, position: first + at, source }
      const entries = streams.get(event.stream)
      if (entries === undefined) streams.set(event.stream, [entry])
      else entries.push(entry)
    })
    untilPause -= events.length
    if (untilPause > 0) continue
    untilPause = eventsPerStep
    yield
  }
  return streams
}

/** The rest of an event's line, behind the place of its commit: its type comes first, so that it is found without parsing. */
export const contentText = ({ type, stream, data, tags, v, isErased }: StoredEvent): string =>
  `,${JSON.stringify({ type, stream, data, tags, v, isErased })}]`
