import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Observable } from '../core/observable.ts'
import type { Clock, Locks, OpenChannel, Random } from '../core/ports.ts'
import type { AnyReadModel } from '../core/read-model.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { SyncStatus } from './types.ts'

/** What entries of their own need of a log. */
export interface Inside {
  readonly call: Call
  readonly feed: Feed
  readonly definitions: EventMap
  /** Name of the database, the same in every tab. */
  readonly database: string
  /** Those that a worker of the app's own writes. */
  readonly readModels: readonly AnyReadModel[]
  /** The log’s own clock, randomness and channels, and its locks where they are not the browser's. */
  readonly ports: {
    readonly clock: Clock
    readonly random: Random
    readonly locks?: Locks | undefined
    readonly openChannel: OpenChannel
  }
}
export const inside: unique symbol = Symbol()

/** Any log that `openLog` gave. */
export interface AnyLog {
  readonly sync: Observable<SyncStatus>
}

/** Throws `tidelog/argument` for what `openLog` did not give. */
export function insideOf(log: AnyLog): Inside {
  const { [inside]: parts } = log as AnyLog & { readonly [inside]?: Inside }
  mustBe(parts !== undefined, 'a log', log)
  return parts
}
