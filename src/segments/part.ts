// Text of a part: JSON of `[commits, events]`, in which an event names its commit by its place in `commits`. Each of them is on a
// line of its own, and an empty line lies between the two lists: what is looked for is found as text, and only its line is parsed.
import { type Commit, eventId, type StoredEvent } from '../core/commit.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { PlacedCommit } from './pack.ts'

/** A piece of a segment, in the order of streams and, in a stream, of positions. */
export interface Part {
  readonly events: readonly SealedEvent[]
}

/** An event and the write that brought it. */
export interface SealedEvent {
  readonly placed: PlacedEvent & { readonly position: number }
  readonly revision: number
  readonly commit: SealedCommit
}

/** What a part knows of a commit. */
export interface SealedCommit {
  readonly head: Omit<Commit, 'events'>
  /** Position of its first event. */
  readonly first: number
  /** Number of its events, in all parts. */
  readonly size: number
  readonly revision: number
}

type CommitRow = readonly [head: SealedCommit['head'], first: number, size: number, revision: number]
type EventRow = readonly [
  position: number,
  version: number,
  commit: number,
  stream: string,
  type: string,
  data: unknown,
  /** 0 where there are none but a version of the schema. */
  tags?: readonly string[] | 0,
  v?: number,
]

/** Between two commits or two events. */
export const lineBreak = ',\n'
/** Between the two lists. */
export const listBreak = '],\n\n['
/** With more texts to look for than this, parsing all is cheaper. */
const needlesMax = 20

/** The events of a part that match. */
export function findInPart(text: string, selectors: readonly Selector[]): readonly SealedEvent[] {
  const needles = selectors.map(needleOf)
  const isExact = ({ placed }: SealedEvent): boolean => matches(selectors, placed)
  if (needles.length > needlesMax || needles.includes(undefined)) return readPart(text).events.filter(isExact)
  const gap = text.indexOf(listBreak)
  const [start, end] = [gap + listBreak.length, text.length - 2]
  const lines = new Map<number, string>()
  for (const needle of needles)
    for (let at = text.indexOf(needle ?? '', start); at >= 0; ) {
      const from = text.lastIndexOf('\n', at) + 1
      const to = text.indexOf(lineBreak, at)
      const isLast = to < 0
      lines.set(from, text.slice(Math.max(from, start), isLast ? end : to))
      at = isLast ? -1 : text.indexOf(needle ?? '', to)
    }
  if (lines.size === 0) return []
  const commits = text.slice(2, gap).split(lineBreak)
  const inOrder = [...lines].sort(([a], [b]) => a - b)
  return inOrder.flatMap(([, line]) => {
    const row: EventRow = JSON.parse(line)
    const event = toEvent(row, toCommit(JSON.parse(commits[row[2]] ?? 'null')))
    return isExact(event) ? [event] : []
  })
}

/** What occurs in the line of every event that a selector matches. */
const needleOf = ({ stream, tags }: Selector): string | undefined => {
  const name = stream ?? tags?.[0]
  return name === undefined ? undefined : JSON.stringify(name)
}

/** Reads the text of a part. */
export function readPart(text: string): Part {
  const [commitRows, eventRows]: readonly [readonly CommitRow[], readonly EventRow[]] = JSON.parse(text)
  const commits = commitRows.map(toCommit)
  return { events: eventRows.map((row) => toEvent(row, commits[row[2]])) }
}

function toCommit(row: CommitRow | null): SealedCommit | undefined {
  if (row === null) return undefined
  const [head, first, size, revision] = row
  return { head, first, size, revision }
}

function toEvent(row: EventRow, commit: SealedCommit | undefined): SealedEvent {
  if (commit === undefined) throw new Error(`tidelog: event ${row[0]} has no commit`)
  const { head, revision } = commit
  // Whole logs are read here: places of the row cost less than taking it apart.
  const placed = {
    type: row[4],
    stream: row[3],
    data: row[5],
    tags: row[6] || undefined,
    v: row[7],
    id: eventId(head, row[0] - commit.first),
    commitId: head.id,
    version: row[1],
    time: head.time,
    metadata: head.metadata,
    position: row[0],
  }
  return { placed, revision, commit }
}

/** The commits all of whose events are in these parts of one segment, in log order. */
export function commitsOf(parts: readonly Part[]): readonly PlacedCommit[] {
  const commits: PlacedCommit[] = []
  let events: StoredEvent[] = []
  let current = 0
  const inOrder = parts.flatMap((part) => part.events).sort((a, b) => a.placed.position - b.placed.position)
  for (const { placed, commit } of inOrder) {
    const { type, stream, data, tags, v } = placed
    const { head, first, size, revision } = commit
    if (first !== current) events = []
    current = first
    events.push({ type, stream, data, tags, v })
    if (events.length === size) commits.push({ commit: { ...head, events }, first, revision })
  }
  return commits
}
