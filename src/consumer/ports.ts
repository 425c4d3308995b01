import type { EventMap } from '../core/event.ts'
import type { LockPorts } from '../core/guarded-lock.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { WorkerApi } from '../protocol/worker.ts'

/** What consumers ask of the worker of a log. */
export type ConsumerApi = Pick<WorkerApi, 'changes' | 'listKept' | 'lookUp' | 'keep' | 'append'>

/** Where the log has moved to, by a notice. */
export interface Moved {
  /** Id of the database. */
  readonly database: string
  /** Its revision. */
  readonly head: number
  readonly confirmed: number
}

/** What consumers of a log need from outside. */
export interface ConsumerPorts extends LockPorts {
  readonly call: <T>(use: (api: ConsumerApi) => Promise<T>) => Promise<T>
  readonly definitions: EventMap
  /** Name of the database, the same in every tab. */
  readonly database: string
  readonly clock: Clock
  readonly random: Random
  /** Calls back at each notice; without one when notices may have been missed. The answer ends it. */
  readonly onMoved: (listener: (moved?: Moved) => void) => () => void
  /** Calls back before this tab is frozen or left, and when it is back. The answer ends it. */
  readonly onSuspended: (suspended: () => void, resumed: () => void) => () => void
}
