import { type Commit, eventId, type StoredEvent } from './commit.ts'
import { damaged, parseKept } from './damage.ts'
import { messageOf, TidelogError } from './errors.ts'
import { type EventMap, runSchema } from './event.ts'
import { issuesToText } from './outcome.ts'
import type { PlacedEvent, UnknownEvent } from './recorded.ts'

/** A recorded event of a known type, as its model gives it. */
export interface DecodedEvent extends Omit<PlacedEvent, 'v' | 'position'> {
  readonly metadata: Readonly<Record<string, string | undefined>>
  readonly tags: readonly string[]
  readonly position: number | undefined
}

export type Place = Omit<PlacedEvent, keyof StoredEvent>

/**
 * Gives stored events the shape of the model: older data is brought up by the upcasters, unknown types are marked, and
 * everything is frozen, so that a reader can't change history. Throws `tidelog/data` naming the event that failed, or marks it
 * as well where that is wanted.
 */
export function decodeEvent(
  definitions: EventMap,
  stored: StoredEvent,
  { metadata = {}, id, commitId, version, time, position }: Place,
  isLenient?: boolean,
): DecodedEvent | UnknownEvent {
  const { v = 1, type, stream, tags = [], isErased } = stored
  const def = definitions[type]
  let isUnknown = isErased || def === undefined || v > def.version
  let { data } = stored
  let problem: string | undefined
  if (!isUnknown && def && v < def.version)
    try {
      data = upcast(def, v, data, id, position)
    } catch (error) {
      if (!isLenient) throw error
      isUnknown = true
      problem = messageOf(error)
    }
  // Whole logs pass here: what it consists of is known, so that nothing has to be taken apart to be copied or frozen.
  Object.freeze(tags)
  Object.freeze(metadata)
  deepFreeze(data)
  const event = { type, data, id, commitId, stream, version, time, metadata, tags, position }
  return Object.freeze(isUnknown ? { ...event, type: '$unknown', originalType: type, isErased, problem } : event)
}

function upcast(def: EventMap[string], v: number, stored: unknown, id: string, position: number | undefined): unknown {
  const fail = (what: string, cause?: unknown): never => {
    throw new TidelogError('tidelog/data', `${what} of event ${id} at position ${position}`, { cause })
  }
  let data = stored
  for (let version = v; version < def.version; version++)
    try {
      data = def.upcast[version]?.(data as never)
    } catch (cause) {
      fail(`upcast[${version}]`, cause)
    }
  // What an upcaster makes was never checked; what was appended was.
  const checked = runSchema(def.schema, data)
  return checked.ok ? checked.value : fail(`upcast (${issuesToText(checked.issues)})`)
}

/** Stored events in the shape of the model. */
export const decodeAll = (
  definitions: EventMap,
  placed: readonly PlacedEvent[],
  isLenient?: boolean,
): readonly (DecodedEvent | UnknownEvent)[] => placed.map((one) => decodeEvent(definitions, one, one, isLenient))

/** The same from JSON text of confirmed events. */
export const decodeText = (
  definitions: EventMap,
  text: string,
  isLenient?: boolean,
): readonly (DecodedEvent | UnknownEvent)[] =>
  placedIn(text).map(([stored, place]) => decodeEvent(definitions, stored, place, isLenient))

/** Confirmed events, not decoded, and their places; from JSON text of events beside their commits: `[commits, events]`. */
export function placedIn(text: string): readonly (readonly [stored: StoredEvent, place: Place])[] {
  const [commits, events]: EventsData = parseKept(text)
  return events.map(([position, version, at, stored]) => {
    const [commit, first] = commits[at] ?? []
    if (!commit || !stored) throw damaged()
    const id = eventId(commit, position - (first ?? 0))
    return [stored, { ...commit, commitId: commit.id, id, version, position }]
  })
}

/** Each event names its commit by a place in the list of commits, which have the positions of their first events beside them. */
type EventsData = readonly [
  commits: readonly (readonly [commit: Omit<Commit, 'events'>, first: number])[],
  events: readonly (readonly [position: number, version: number, at: number, stored: StoredEvent])[],
]

type Decoded<T> = T extends { readonly events: unknown }
  ? Omit<T, 'events'> & { readonly events: readonly (DecodedEvent | UnknownEvent)[] }
  : T
/** What may hold stored events, with the events in the shape of the model. */
export const decodeIn = <T extends object>(definitions: EventMap, value: T): Decoded<T> =>
  ('events' in value
    ? { ...value, events: decodeAll(definitions, value.events as readonly PlacedEvent[]) }
    : value) as Decoded<T>

/** Freezes plain data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const name in value) if (typeof value[name] === 'object') deepFreeze(value[name])
  return Object.freeze(value)
}
