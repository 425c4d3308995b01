// Text of a part: JSON of `[commits, events]`, in which an event names its commit by its place in `commits`. Each of them is on a
// line of its own, and an empty line lies between the two lists: what is looked for is found as text, and what is only passed on
// is not parsed.
import { type Commit, eventId, type StoredEvent } from '../core/commit.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { PlacedCommit } from './pack.ts'
import { lineBreak, listBreak } from './part-text.ts'

/** With more texts to look for than this, a look at every line is cheaper. */
const needlesMax = 20

/** What a part knows of a commit. */
export class SealedCommit {
  readonly head: Omit<Commit, 'events'>
  /** Position of its first event. */
  readonly first: number
  /** Number of its events, in all parts. */
  readonly size: number
  readonly revision: number
  #text: string | undefined

  /** `revision` stands for the one in the line. */
  constructor(line: string, revision?: number) {
    const [head, first, size, own]: readonly [SealedCommit['head'], number, number, number] = JSON.parse(line)
    this.head = head
    this.first = first
    this.size = size
    this.revision = revision ?? own
  }

  /** What a placed event has of it, as JSON text up to the event's number, which ends its id. */
  get text(): string {
    const { id: commitId, time, metadata } = this.head
    // The id ends with the number, which needs no escape: `…0"}` is left out.
    this.#text ??= JSON.stringify({ commitId, time, metadata, id: eventId(this.head, 0) }).slice(1, -3)
    return this.#text
  }
}

/** An event of a segment; its content is parsed only when it is asked for. */
export class SealedEvent {
  readonly position: number
  readonly version: number
  readonly commit: SealedCommit
  readonly #content: string

  constructor(position: number, version: number, commit: SealedCommit, content: string) {
    this.position = position
    this.version = version
    this.commit = commit
    this.#content = content
  }

  get stored(): StoredEvent {
    return JSON.parse(this.#content)
  }

  /** JSON text of {@link placed}. */
  get text(): string {
    const { position, version, commit } = this
    return `{"position":${position},"version":${version},${commit.text}${position - commit.first}",${this.#content.slice(1)}`
  }

  get placed(): PlacedEvent & { readonly position: number } {
    return JSON.parse(this.text)
  }
}

/** The events of a part, in the order of streams and, in a stream, of positions. */
export const readPart = (text: string, revision?: number): readonly SealedEvent[] =>
  read(text, allLinesOf(text), revision)

/** The events of a part that match. */
export function findInPart(text: string, selectors: readonly Selector[], revision?: number): readonly SealedEvent[] {
  if (selectors.some(isAboutAll)) return readPart(text, revision)
  const starts = selectors.flatMap(startsOf)
  const needles = selectors.map(needleOf).filter((needle) => needle !== undefined)
  const isRare = starts.length === 0 && needles.length <= needlesMax
  const lines = isRare ? linesWith(text, needles) : allLinesOf(text)
  return read(text, lines, revision, (from) => {
    if (starts.some((start) => text.startsWith(start, from))) return true
    return needles.length > 0 && matches(selectors, JSON.parse(text.slice(from, endOf(text, from) - 1)))
  })
}

const isAboutAll = ({ stream, types, tags = [] }: Selector): boolean =>
  stream === undefined && types === undefined && tags.length === 0

/** What the content of every event begins with that a selector matches, if that is all it asks for. */
const startsOf = ({ stream, types = [], tags = [] }: Selector): readonly string[] =>
  stream === undefined && tags.length === 0 ? types.map((type) => `{"type":${JSON.stringify(type)},"stream":`) : []

/** What occurs in the line of every event that a selector matches. */
const needleOf = ({ stream, tags }: Selector): string | undefined => {
  const name = stream ?? tags?.[0]
  return name === undefined ? undefined : JSON.stringify(name)
}

/** Reads lines, by where they begin. `wants` is asked with the place of an event's content. */
function read(
  text: string,
  lines: Iterable<number>,
  revision: number | undefined,
  wants: (content: number) => boolean = () => true,
): readonly SealedEvent[] {
  const heads = text.slice(2, text.indexOf(listBreak)).split(lineBreak)
  const commits: SealedCommit[] = []
  const events: SealedEvent[] = []
  for (const from of lines) {
    const version = text.indexOf(',', from) + 1
    const index = text.indexOf(',', version) + 1
    const content = text.indexOf(',', index) + 1
    if (!wants(content)) continue
    const position = Number(text.slice(from + 1, version - 1))
    const at = Number(text.slice(index, content - 1))
    const head = heads[at]
    if (!head) throw new Error(`tidelog: event ${position} has no commit`)
    commits[at] ??= new SealedCommit(head, revision)
    const end = endOf(text, content) - 1
    events.push(
      new SealedEvent(position, Number(text.slice(version, index - 1)), commits[at], text.slice(content, end)),
    )
  }
  return events
}

const startOf = (text: string): number => text.indexOf(listBreak) + listBreak.length
const endOf = (text: string, from: number): number => {
  const end = text.indexOf(lineBreak, from)
  return end < 0 ? text.length - 2 : end
}

function* allLinesOf(text: string): Generator<number> {
  for (let from = startOf(text); from < text.length; from = endOf(text, from) + lineBreak.length) yield from
}

/** Where the lines begin that have one of these texts, rising. */
function linesWith(text: string, needles: readonly string[]): readonly number[] {
  const start = startOf(text)
  const lines = new Set<number>()
  for (const needle of needles)
    for (let at = text.indexOf(needle, start); at >= 0; at = text.indexOf(needle, endOf(text, at)))
      lines.add(Math.max(start, text.lastIndexOf('\n', at) + 1))
  return [...lines].sort((a, b) => a - b)
}

/** The commits all of whose events are among these, in log order. */
export function commitsOf(sealed: readonly SealedEvent[]): readonly PlacedCommit[] {
  const commits: PlacedCommit[] = []
  let events: StoredEvent[] = []
  let current = 0
  for (const { commit, stored } of sealed.toSorted((a, b) => a.position - b.position)) {
    const { head, first, size, revision } = commit
    if (first !== current) events = []
    current = first
    events.push(stored)
    if (events.length === size) commits.push({ commit: { ...head, events }, first, revision })
  }
  return commits
}
