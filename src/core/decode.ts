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
  const { v = 1, type, tags = [], metadata = {}, position, ...rest } = placed
  const def = definitions[type]
  const place = { ...rest, tags, metadata, position }
  if (def === undefined || v > def.version)
    return deepFreeze({ ...place, type: '$unknown' as const, originalType: type })
  let { data } = placed
  for (let version = v; version < def.version; version++) {
    try {
      data = def.upcast[version]?.(data as never)
    } catch (cause) {
      const message = `event ${placed.id} at position ${position}: upcast[${version}] failed`
      throw new TidelogError('tidelog/data', message, { cause })
    }
  }
  return deepFreeze({ ...place, type, data })
}

/** Stored events, given as a list or as JSON text, in the shape of the model. */
export const decodeAll = (
  definitions: EventMap,
  placed: readonly PlacedEvent[] | string,
): readonly (DecodedEvent | UnknownEvent)[] => {
  const events: readonly PlacedEvent[] = typeof placed === 'string' ? JSON.parse(placed) : placed
  return events.map((one) => decodeEvent(definitions, one))
}

/** Freezes plain data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
