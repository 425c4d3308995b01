import { eventId, type Metadata, type StoredEvent } from '../core/commit.ts'
import { decodeEvent } from '../core/decode.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import type { EventMap, Fact } from '../core/event.ts'
import { isCount, isRecord, isText } from '../core/guard.ts'
import { mustBeJson } from '../core/json.ts'
import { eventTypeMax } from '../core/limits.ts'
import { type Issue, issuesToText } from '../core/outcome.ts'
import { type AnyFact, mustBeStorable, prepareEvent } from '../core/prepare.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { misuse } from './misuse.ts'
import { callTwice } from './pure.ts'

/** An event as it was stored by another version of the app. Made by {@link past}. */
export class Past {
  readonly type: string
  readonly data: unknown
  readonly #options: PastOptions

  constructor(type: string, data: unknown, options: PastOptions) {
    this.type = type
    this.data = data
    this.#options = options
  }

  get options(): PastOptions {
    return this.#options
  }
}

/** Options of {@link past}. */
export interface PastOptions {
  /** Version of the schema that wrote it; 1 by default. */
  readonly version?: number
  /** Where it lies; by default where an event of its type goes today. */
  readonly stream?: string
  /** As they are stored, `cartId:7`; by default those that it would get today. */
  readonly tags?: readonly string[]
}

/** An event of an older version, or of a type that this app does not know: the data is what was stored then. */
export function past(type: string, data: unknown, { version = 1, stream, tags, ...unknown }: PastOptions = {}): Past {
  mustKnow(unknown, '')
  mustBe(isText(type, eventTypeMax), 'an event type', type)
  mustBe(isCount(version, 1), 'version', version)
  mustBeJson(data)
  return new Past(type, data, { version, ...(stream !== undefined && { stream }), ...(tags && { tags }) })
}

/** Events of one commit of the history, where a fact alone says too little. */
export interface GivenCommit<M extends EventMap> {
  readonly events: readonly (Fact<M> | Past)[]
  /** Where they go; by default where their definitions say. */
  readonly stream?: string
  /** Not confirmed yet: its events have no position. Nothing that is confirmed comes after it. */
  readonly pending?: boolean
  /** ISO 8601. Without it each commit comes a second after the one before, from 2026 on. */
  readonly time?: string
  readonly metadata?: Metadata
}
/** What happened: facts, each a commit of its own, or commits. */
export type Given<M extends EventMap> = Fact<M> | Past | GivenCommit<M>
type AnyGiven = AnyFact | Past | GivenCommit<EventMap>

/** A commit of the history as it is stored. */
export interface PastCommit extends Pick<GivenCommit<EventMap>, 'pending' | 'time' | 'metadata'> {
  readonly events: readonly StoredEvent[]
}
export type History = readonly PastCommit[]

const startMs = Date.UTC(2026, 0, 1)

/** Reads what a test gives, by the schemas. Throws `tidelog/argument` for what no log would hold. */
export function toHistory(definitions: EventMap, given: readonly unknown[], what = 'the history'): History {
  mustBe(Array.isArray(given), what, given)
  const issues: Issue[] = []
  let count = 0
  const take = (event: unknown, stream: string | undefined): StoredEvent => {
    mustBe(isRecord(event) && typeof event.type === 'string', `events[${count}] of ${what}`, event)
    const at = count++
    return event instanceof Past
      ? takePast(definitions, event, stream, at, issues)
      : prepareEvent(definitions, { type: event.type, data: event.data }, stream, at, issues)
  }
  const history = (given as readonly AnyGiven[]).map((one): PastCommit => {
    if (typeof one !== 'object' || one === null || !('events' in one)) return { events: [take(one, undefined)] }
    const { events, stream, pending, time, metadata, ...unknown } = one
    mustKnow(unknown, '')
    mustBe(Array.isArray(events), `events of ${what}`, events)
    return {
      events: events.map((event) => take(event, stream)),
      pending: pending === true,
      ...(time !== undefined && { time }),
      ...(metadata && { metadata }),
    }
  })
  if (issues.length > 0) misuse(`${what} is not what the log would hold: ${issuesToText(issues)}`)
  const events = history.flatMap((commit) => commit.events)
  for (const [at, { type, stream }] of events.entries())
    if (stream === '') misuse(`events[${at}] of ${what}, ${type}, has no stream: { stream, events } gives it one`)
  mustBeStorable(events)
  const firstPending = history.findIndex(({ pending }) => pending)
  const isInOrder = firstPending < 0 || history.slice(firstPending).every(({ pending }) => pending)
  if (!isInOrder) misuse(`${what} has confirmed events after pending ones`)
  // Through text, as it is stored.
  return JSON.parse(JSON.stringify(history))
}

/** What was stored then, where it lies by the definitions of today; a fact that today's schema refuses is an issue. */
function takePast(
  definitions: EventMap,
  { type, data, options: { version = 1, stream: own, tags } }: Past,
  given: string | undefined,
  at: number,
  issues: Issue[],
): StoredEvent {
  const stream = own ?? given
  const stored = { type, data, stream: stream ?? '', tags, v: version > 1 ? version : undefined }
  const read = callTwice(`upcast of ${type}`, () => decodeEvent(definitions, structuredClone(stored), placeOf(0, 0)))
  if (read.some((event) => 'originalType' in event)) return stored
  // Of several it lies where the first one would, with the tags of all.
  const today = read.map((event) => prepareEvent(definitions, event, stream, at, issues))
  const all = [...new Set(today.flatMap((event) => event.tags ?? []))]
  return { ...stored, stream: stream ?? today[0]?.stream ?? '', tags: tags ?? (all.length > 0 ? all : undefined) }
}

const placeOf = (nth: number, at: number): Omit<PlacedEvent, keyof StoredEvent> => {
  const commitId = `given-${nth + 1}`
  return { id: eventId({ contentId: commitId }, at), commitId, version: 1, time: timeOf(nth) }
}
const timeOf = (nth: number): string => new Date(startMs + nth * 1_000).toISOString()

/** The events of a history in their places: ids, versions, positions and times that are always the same. */
export function placedIn(history: History): readonly PlacedEvent[] {
  const versions = new Map<string, number>()
  let confirmed = 0
  return history.flatMap(({ events, pending, time = '', metadata }, nth) =>
    events.map((event, at) => {
      const version = (versions.get(event.stream) ?? 0) + 1
      versions.set(event.stream, version)
      const position = pending ? undefined : ++confirmed
      const placed = { ...placeOf(nth, at), version, metadata, position, ...(time && { time }) }
      // Reading freezes an event: each reader gets one of its own.
      return { ...structuredClone(event), ...placed }
    }),
  )
}
