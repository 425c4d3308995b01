import { type Commit, eventId, type StoredEvent } from './commit.ts'
import { damaged } from './damage.ts'
import { messageOf, mustBe, TidelogError } from './errors.ts'
import { type EventMap, runSchema, type Several, type StoredAs } from './event.ts'
import { issuesToText } from './outcome.ts'
import type { AnyFact } from './prepare.ts'
import type { PlacedEvent, UnknownEvent } from './recorded.ts'

/** A recorded event of a known type, as its model gives it. */
export interface DecodedEvent extends Omit<PlacedEvent, 'v' | 'position'> {
  readonly metadata: Readonly<Record<string, string | undefined>>
  readonly tags: readonly string[]
  readonly position: number | undefined
  readonly part?: number | undefined
}

export type Place = Omit<PlacedEvent, keyof StoredEvent>
type AnyEvent = DecodedEvent | UnknownEvent
type Definition = EventMap[string]

/**
 * Gives a stored event the shape of the model: older data is brought up by the upcasters, which may make several events of it or
 * none, unknown types are marked, and everything is frozen, so that a reader can't change history. Throws `tidelog/data` naming
 * the event that failed, or marks it as well where that is wanted.
 */
export function decodeEvent(
  definitions: EventMap,
  stored: StoredEvent,
  place: Place,
  isLenient?: boolean,
): readonly AnyEvent[] {
  const { metadata = {}, id, commitId, version, time, position } = place
  const { v = 1, type, data, stream, tags = [], isErased } = stored
  const def = definitions[type]
  // Whole logs pass here: what it consists of is known, so that nothing has to be taken apart to be copied or frozen.
  Object.freeze(tags)
  Object.freeze(metadata)
  const event = { type, data, id, commitId, stream, version, time, metadata, tags, position }
  if (def !== undefined && v === def.version && !isErased && !def.last) {
    deepFreeze(data)
    return [Object.freeze(event)]
  }
  const unknown = (problem?: string): readonly AnyEvent[] => {
    deepFreeze(data)
    return [Object.freeze({ ...event, type: '$unknown' as const, originalType: type, isErased, problem })]
  }
  if (isErased || def === undefined || v > def.version) return unknown()
  try {
    const facts = bringUp(definitions, event, v, event)
    return facts.map(({ type, data }, part) => {
      deepFreeze(data)
      return Object.freeze({ ...event, type, data, ...(facts.length > 1 && { part }) })
    })
  } catch (error) {
    if (!isLenient) throw error
    return unknown(messageOf(error))
  }
}

/** Facts of today, from data of a version. What an upcaster makes was never checked; what was appended was. */
function bringUp(
  definitions: EventMap,
  { type, data }: AnyFact,
  v: number,
  event: StoredAs & Pick<DecodedEvent, 'position'>,
  isMade = v < (definitions[type] as Definition).version,
): readonly AnyFact[] {
  const { version: current, upcast, schema, last } = definitions[type] as Definition
  const { position, id, stream, time, metadata, tags } = event
  const fail = (what: string, cause?: unknown): never => {
    throw new TidelogError('tidelog/data', `${what} of event ${id} at position ${position}`, { cause })
  }
  const split = ({ becomes, of }: Several, value: unknown, what: string, next?: number): readonly AnyFact[] => {
    let made: readonly AnyFact[] = []
    try {
      made = [...of(value as never, { id, stream, time, metadata, tags })]
      for (const fact of made) mustBe(becomes.includes(fact.type), 'a type in becomes', fact.type)
    } catch (cause) {
      fail(what, cause)
    }
    return made.flatMap((fact) => {
      const from = fact.type === type ? next : undefined
      return bringUp(definitions, fact, from ?? (definitions[fact.type] as Definition).version, event, true)
    })
  }
  let value = data
  for (let version = v; version < current; version++) {
    const step = upcast[version]
    const what = `upcast[${version}]`
    if (typeof step === 'object') return split(step, value, what, version + 1)
    try {
      value = step?.(value as never)
    } catch (cause) {
      fail(what, cause)
    }
  }
  if (isMade) {
    const checked = runSchema(schema, value)
    value = checked.ok ? checked.value : fail(`upcast to ${type} (${issuesToText(checked.issues)})`)
  }
  return last ? split(last, value, `${type}.of`) : [{ type, data: value }]
}

/** Stored events in the shape of the model, in their order or, where they come backwards, in that one. */
export const decodeAll = (
  definitions: EventMap,
  placed: readonly PlacedEvent[],
  isLenient?: boolean,
  isBackwards?: boolean,
): readonly AnyEvent[] =>
  decodeEach(
    definitions,
    placed.map((one) => [one, one]),
    isLenient,
    isBackwards,
  )

/** The same from JSON text of confirmed events. */
export const decodeText = (
  definitions: EventMap,
  text: string,
  isLenient?: boolean,
  isBackwards?: boolean,
): readonly AnyEvent[] => decodeEach(definitions, placedIn(text), isLenient, isBackwards)

const decodeEach = (
  definitions: EventMap,
  raw: ReturnType<typeof placedIn>,
  isLenient?: boolean,
  isBackwards?: boolean,
): readonly AnyEvent[] =>
  raw.flatMap(([stored, place]) => {
    const events = decodeEvent(definitions, stored, place, isLenient)
    return isBackwards ? [...events].reverse() : events
  })

/** Confirmed events, not decoded, and their places; from JSON text of events beside their commits: `[commits, events]`. */
export function placedIn(text: string): readonly (readonly [stored: StoredEvent, place: Place])[] {
  try {
    const [commits, events]: EventsData = JSON.parse(text)
    return events.map(([position, version, at, stored]) => {
      const [commit, first] = commits[at] as EventsData[0][number]
      const id = eventId(commit, position - first)
      if (!stored) throw new TypeError('an event is none')
      return [stored, { ...commit, commitId: commit.id, id, version, position }]
    })
  } catch (cause) {
    throw damaged(cause)
  }
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
