import { type AnyLog, insideOf } from '../client/inside.ts'
import { type Checkpoint, checkpointOver } from '../consumer/checkpoints.ts'
import {
  discardFailures as discardAll,
  listFailures as listAll,
  retryFailures as retryAll,
} from '../consumer/failures.ts'
import type { ConsumerFailure, ConsumerStatus } from '../consumer/types.ts'
import type { Observable } from '../core/observable.ts'
import { hubOf } from './hub-of.ts'

/** The subscriptions of this tab and how they are doing. */
export function consumersOf(log: AnyLog): Observable<readonly ConsumerStatus[]> {
  const { consumers } = hubOf(log)
  return {
    get: () => consumers.get().map((gauge) => gauge.get()),
    subscribe: (onChange) => {
      let stops: (() => void)[] = []
      const watch = (): void => {
        for (const stop of stops) stop()
        stops = consumers.get().map((gauge) => gauge.subscribe(onChange))
      }
      const stop = consumers.subscribe(() => {
        watch()
        onChange()
      })
      watch()
      return () => {
        stop()
        for (const each of stops) each()
      }
    },
  }
}

/** How a log is doing, for a look from outside. */
export interface Inspection {
  /** The subscriptions of this tab. */
  readonly consumers: readonly ConsumerStatus[]
  /** What consumers could not handle, whichever tab ran them. */
  readonly failures: readonly ConsumerFailure[]
  /** Position of the last confirmed event, and commits not yet confirmed. */
  readonly confirmed: number
  readonly pending: number
  /** The last position that is packed into a segment. */
  readonly sealed: number
}

/** Looks at a log and its consumers. */
export async function inspect(log: AnyLog): Promise<Inspection> {
  const [failures, { head, pending, sealed }] = await Promise.all([
    listFailures(log),
    insideOf(log).call((api) => api.heads([])),
  ])
  return { consumers: consumersOf(log).get(), failures, confirmed: head.confirmed, pending, sealed }
}

/** The checkpoint of a consumer, to look at or to move while no tab runs it. */
export const checkpointOf = (log: AnyLog, consumer: string): Checkpoint => checkpointOver(hubOf(log).ports, consumer)

/** What a consumer, or all of them, could not handle, whichever tab ran them. */
export const listFailures = (log: AnyLog, consumer?: string): Promise<readonly ConsumerFailure[]> =>
  listAll(hubOf(log).ports, consumer)

/**
 * Has a reactor, or the planner of a task, try again what it could not handle, or the event at a position; answers how many.
 * Its name is `reactor/…` or `task/…`. A subscription of a page does it itself: `subscription.failures.retry()`.
 */
export const retryFailures = (log: AnyLog, consumer: string, position?: number): Promise<number> =>
  retryAll(hubOf(log).ports, consumer, position)

/** Forgets what a reactor, or the planner of a task, could not handle; answers how many. */
export const discardFailures = (log: AnyLog, consumer: string, position?: number): Promise<number> =>
  discardAll(hubOf(log).ports, consumer, position)
