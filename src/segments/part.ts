// Text of a part: JSON of `[commits, events]`, in which an event names its commit by its place in `commits`. Each of them is on a
// line of its own, and an empty line lies between the two lists: what is looked for is found as text, and what is only passed on
// is not parsed.
import { type Commit, eventId, type StoredEvent } from '../core/commit.ts'
import { damaged, parseKept } from '../core/damage.ts'
import { isCount, isRecord } from '../core/guard.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { EventText } from './events-text.ts'
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

  /** `revision` stands for the one in the line. */
  constructor(line: string, revision?: number) {
    const fields: unknown = parseKept(line)
    if (!isHead(fields)) throw damaged()
    const [head, first, size, own] = fields
    this.head = head
    this.first = first
    this.size = size
    this.revision = revision ?? own
  }
}

/** No more than what reading rests on: whoever made it has checked the rest. */
const isStored = (value: unknown): value is StoredEvent =>
  isRecord(value) &&
  typeof value.type === 'string' &&
  typeof value.stream === 'string' &&
  (value.tags === undefined || Array.isArray(value.tags))
type HeadFields = readonly [head: SealedCommit['head'], first: number, size: number, revision: number]
const isHead = (value: unknown): value is HeadFields =>
  Array.isArray(value) &&
  isRecord(value[0]) &&
  typeof value[0].id === 'string' &&
  typeof value[0].contentId === 'string' &&
  value.slice(1, 4).every((count) => isCount(count)) &&
  value.length >= 4

class Part {
  readonly text: string
  readonly #heads: readonly string[]
  readonly #commits: SealedCommit[] = []
  readonly #revision: number | undefined

  constructor(text: string, revision: number | undefined) {
    this.text = text
    this.#heads = text.slice(2, text.indexOf(listBreak)).split(lineBreak)
    this.#revision = revision
  }

  commitAt(at: number): SealedCommit {
    this.#commits[at] ??= new SealedCommit(this.headAt(at), this.#revision)
    return this.#commits[at]
  }

  headAt(at: number): string {
    const head = this.#heads[at]
    if (!head) throw damaged()
    return head
  }
}

/** An event of a segment: a place in the text of its part. What is asked of it is parsed, and nothing else. */
export class SealedEvent implements EventText {
  readonly position: number
  readonly #part: Part
  /** Where its line begins. */
  readonly #from: number
  /** Where its version begins. */
  readonly #version: number

  constructor(part: Part, from: number) {
    const version = part.text.indexOf(',', from) + 1
    this.position = Number(part.text.slice(from + 1, version - 1))
    this.#part = part
    this.#from = from
    this.#version = version
  }

  get version(): number {
    return Number(this.#part.text.slice(this.#version, this.#commitFrom - 1))
  }

  get commit(): SealedCommit {
    return this.#part.commitAt(this.#commitAt)
  }

  get revision(): number {
    return this.commit.revision
  }

  get stored(): StoredEvent {
    const { text } = this.#part
    const stored: unknown = parseKept(text.slice(this.contentFrom, endOf(text, this.#version) - 1))
    if (!isStored(stored)) throw damaged()
    return stored
  }

  get placed(): PlacedEvent & { readonly position: number } {
    const { stored, position, version } = this
    const { first, head } = this.commit
    const { id: commitId, time, metadata } = head
    return { ...stored, id: eventId(head, position - first), commitId, time, metadata, position, version }
  }

  line(placeOf: (head: string) => number): string {
    const { text } = this.#part
    const from = this.#commitFrom
    const end = text.indexOf(',', from)
    const place = placeOf(this.#part.headAt(Number(text.slice(from, end))))
    return `${text.slice(this.#from, from)}${place}${text.slice(end, endOf(text, end))}`
  }

  /** Where its content begins in the text of the part. */
  get contentFrom(): number {
    return this.#part.text.indexOf(',', this.#commitFrom) + 1
  }

  get #commitFrom(): number {
    return this.#part.text.indexOf(',', this.#version) + 1
  }

  get #commitAt(): number {
    return Number(this.#part.text.slice(this.#commitFrom, this.contentFrom - 1))
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
  return read(text, lines, revision, (event) => {
    const from = starts.length > 0 ? event.contentFrom : 0
    if (starts.some((start) => text.startsWith(start, from))) return true
    return needles.length > 0 && matches(selectors, event.stored)
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

/** Reads lines, by where they begin. */
function read(
  text: string,
  lines: Iterable<number>,
  revision: number | undefined,
  wants: (event: SealedEvent) => boolean = () => true,
): readonly SealedEvent[] {
  const part = new Part(text, revision)
  const events: SealedEvent[] = []
  for (const from of lines) {
    const event = new SealedEvent(part, from)
    if (wants(event)) events.push(event)
  }
  return events
}

const startOf = (text: string): number => text.indexOf(listBreak) + listBreak.length
const endOf = (text: string, from: number): number => {
  // Half of a line break is found faster than all of it.
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length - 2 : end - 1
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
