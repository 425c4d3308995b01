import { TidelogError } from './errors.ts'
import type { EventMap } from './event.ts'
import type { PlacedEvent, UnknownEvent } from './recorded.ts'

/** A recorded event of a known type, as its model gives it. */
export interface DecodedEvent extends Omit<PlacedEvent, 'v' | 'position'> {
  readonly metadata: Readonly<Record<string, string | undefined>>
  readonly tags: readonly string[]
  readonly position: number | undefined
}

/**
 * Gives stored events the shape of the model: older data is brought up by the upcasters, unknown types are marked, and
 * everything is frozen, so that a reader can't change history. Throws `tidelog/data` naming the event that failed.
 */
export function decodeEvent(definitions: EventMap, placed: PlacedEvent): DecodedEvent | UnknownEvent {
  const { v = 1, type, tags = [], metadata = {}, id, commitId, stream, version, time, position } = placed
  const def = definitions[type]
  const isUnknown = def === undefined || v > def.version
  const data = isUnknown ? placed.data : upcast(def, v, placed)
  // Whole logs pass here: what it consists of is known, so that nothing has to be taken apart to be copied or frozen.
  deepFreeze(tags)
  deepFreeze(metadata)
  deepFreeze(data)
  const event = { type, data, id, commitId, stream, version, time, metadata, tags, position }
  return Object.freeze(isUnknown ? { ...event, type: '$unknown', originalType: type } : event)
}

function upcast(def: EventMap[string], v: number, { data: stored, id, position }: PlacedEvent): unknown {
  let data = stored
  for (let version = v; version < def.version; version++) {
    try {
      data = def.upcast[version]?.(data as never)
    } catch (cause) {
      const message = `upcast[${version}] of event ${id} at position ${position}`
      throw new TidelogError('tidelog/data', message, { cause })
    }
  }
  return data
}

/** Stored events, given as a list or as JSON text, in the shape of the model. */
export const decodeAll = (
  definitions: EventMap,
  placed: readonly PlacedEvent[] | string,
): readonly (DecodedEvent | UnknownEvent)[] => {
  const events: readonly PlacedEvent[] = typeof placed === 'string' ? JSON.parse(placed) : placed
  return events.map((one) => decodeEvent(definitions, one))
}

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
  for (const name in value) deepFreeze(value[name])
  return Object.freeze(value)
}
