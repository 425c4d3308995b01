import type { AnyLog } from '../client/inside.ts'
import { type Checkpoint, checkpointOver } from '../consumer/checkpoints.ts'
import { listFailures as listAll } from '../consumer/failures.ts'
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

/** The checkpoint of a consumer, to look at or to move while no tab runs it. */
export const checkpointOf = (log: AnyLog, consumer: string): Checkpoint => checkpointOver(hubOf(log).ports, consumer)

/** What a consumer, or all of them, could not handle, whichever tab ran them. */
export const listFailures = (log: AnyLog, consumer?: string): Promise<readonly ConsumerFailure[]> =>
  listAll(hubOf(log).ports, consumer)
