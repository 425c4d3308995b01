import { type DecodedEvent, decodeEvent, placedIn } from '../core/decode.ts'
import { TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { UnknownEvent } from '../core/recorded.ts'
import type { ChangesRequest } from '../protocol/worker.ts'

/** A confirmed event as it is stored, and its place. */
export type RawEvent = ReturnType<typeof placedIn>[number]

/** Asks for confirmed events behind a position; of the whole log unless a scope is given. */
export const confirmedBehind = (
  position: number,
  wanted: Pick<ChangesRequest, 'limit' | 'seen' | 'isTold'> & Partial<Pick<ChangesRequest, 'scope'>>,
): ChangesRequest => ({ scope: {}, ...wanted, position, revision: 0, isConfirmedOnly: true })

export const rawEventsIn: (text: string) => readonly RawEvent[] = placedIn

/** Refuses to go on where a confirmed event is missing. Throws `tidelog/data`. */
export function mustFollow(events: readonly RawEvent[], after: number, through: number): void {
  const isWhole = events.length === through - after && events.every((raw, at) => positionOf(raw) === after + at + 1)
  if (!isWhole) throw new TidelogError('tidelog/data', `events between ${after} and ${through} are missing`)
}

export const positionOf = ([, { position = 0 }]: RawEvent): number => position

/** An event that could not be brought into the shape of the model, as it is stored. */
export class ReplayError extends TidelogError {
  readonly raw: RawEvent[0]
  readonly position: number
  readonly eventId: string

  constructor([raw, { id, position = 0 }]: RawEvent, cause: unknown) {
    super('tidelog/data', `event ${id} at position ${position} can't be decoded: ${cause}`, { cause })
    this.raw = raw
    this.position = position
    this.eventId = id
  }
}

/** Throws a {@link ReplayError} for what can't be decoded. */
export function decodeRaw(definitions: EventMap, raw: RawEvent): readonly (DecodedEvent | UnknownEvent)[] {
  try {
    return decodeEvent(definitions, ...raw)
  } catch (cause) {
    throw new ReplayError(raw, cause)
  }
}
