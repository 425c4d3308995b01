import type { RowsCheckpoint, RowsProblem } from '../consumer/rows-layout.ts'
import { TidelogError } from '../core/errors.ts'

/** How the rows of a read model are doing. */
export interface ReadModelStatus {
  /**
   * `building` rows are made anew, or a query waits for those that lag far behind · `current` · `parked` an event can't be
   * taken · `closed`.
   */
  readonly state: 'building' | 'current' | 'parked' | 'closed'
  /** The confirmed events that are in the rows, those that are being built while there are such. */
  readonly position: number
  /** Position of the last confirmed event, as far as is known. */
  readonly head: number
  /** 0 to 1. */
  readonly progress: number
  readonly version: number
  /** The event that they can't take. */
  readonly problem?: RowsProblem
}

interface Parts {
  readonly head: number
  /** A query waits for the rows. */
  readonly isWaiting: boolean
  readonly isClosed?: boolean
  readonly problem?: RowsProblem | undefined
}

export function statusOf(
  { version, generation, position: at, building, problem: kept }: RowsCheckpoint,
  { head: known, isWaiting, isClosed = false, problem: own }: Parts,
): ReadModelStatus {
  const problem = kept ?? own
  const isBuilding = building !== undefined || generation === 0 || isWaiting
  const state = isClosed ? 'closed' : problem ? 'parked' : isBuilding ? 'building' : 'current'
  const position = building?.position ?? at
  const head = Math.max(known, at, position)
  const progress = isBuilding ? (head === 0 ? 0 : position / head) : 1
  return { state, position, head, progress, version, ...(problem && { problem }) }
}

export const parked = ({ message, eventId, position }: RowsProblem, cause?: unknown): TidelogError =>
  new TidelogError('tidelog/parked', `event ${eventId} at position ${position}: ${message}`, { cause })
