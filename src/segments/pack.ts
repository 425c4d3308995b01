import type { Commit, StoredEvent } from '../core/commit.ts'
import { DirectoryBuilder } from './directory.ts'
import { termOf } from './terms.ts'

/** Events of one part. */
const partEventsMax = 100
/** Characters of a part's text; one event may be larger. */
const partTextMax = 40_000
/** Characters of a part's text without events: `[[],[]]`. */
const emptyPartText = 7
/** Characters of a commit's place in a part, which holds no more commits than events. */
const indexText = 2

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
  /** Texts for `readPart`. */
  readonly parts: readonly string[]
  readonly directory: DirectoryBuilder
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

/** Packs commits that follow each other, at least one; `versionBefore` says how many events a stream has before the first one. */
export function packSegment(commits: readonly PlacedCommit[], versionBefore: (stream: string) => number): Segment {
  const directory = new DirectoryBuilder()
  const parts: string[] = []
  let heads: string[] = []
  let events: string[] = []
  let size = emptyPartText
  const close = (): void => {
    parts.push(`[[${heads.join(',')}],[${events.join(',')}]]`)
    heads = []
    events = []
    size = emptyPartText
  }
  const streams = byStream(commits)
  for (const stream of [...streams.keys()].sort()) {
    const streamTerm = termOf.stream(stream)
    let version = versionBefore(stream)
    for (const { event, position, source } of streams.get(stream) ?? []) {
      version++
      const place = `[${position},${version},`
      const content = contentText(event)
      const eventSize = place.length + indexText + content.length + 1
      const headSize = source.part === parts.length ? 0 : source.head.length + 1
      if (events.length === partEventsMax || (events.length > 0 && size + headSize + eventSize > partTextMax)) close()
      if (source.part !== parts.length) {
        source.part = parts.length
        source.index = heads.push(source.head) - 1
        size += source.head.length + 1
        directory.add(source.term, parts.length)
      }
      events.push(place + source.index + content)
      size += eventSize
      directory.add(streamTerm, parts.length, version)
      directory.add(termOf.type(event.type), parts.length)
      for (const tag of event.tags ?? []) directory.add(termOf.tag(tag), parts.length)
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
function byStream(commits: readonly PlacedCommit[]): ReadonlyMap<string, readonly Entry[]> {
  const streams = new Map<string, Entry[]>()
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
  }
  return streams
}

/** The rest of an event's row, behind the place of its commit. */
function contentText({ stream, type, data, tags, v }: StoredEvent): string {
  const row = [stream, type, data]
  if (v !== undefined) row.push(tags ?? 0, v)
  else if (tags !== undefined) row.push(tags)
  return `,${JSON.stringify(row).slice(1)}`
}
