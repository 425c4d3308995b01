import type { DeadLetter, Log, SyncStatus } from '../client/types.ts'
import type { AnyDecider } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import { useObservable } from './use-observable.ts'

const starting: SyncStatus = {
  state: 'starting',
  synced: false,
  pending: 0,
  confirmed: 0,
  sent: 0,
  serverHead: 0,
  failures: 0,
}
const none: readonly never[] = []

/** How far the log is known, here and at the server. */
export const useSync = ({ sync }: { readonly sync: Log<EventMap>['sync'] }): SyncStatus => useObservable(sync, starting)

/** The commits that did not come into the log as they were meant. */
export const useDeadLetters = <M extends EventMap, Ds extends AnyDecider>(
  log: Log<M, Ds>,
): readonly DeadLetter<M, Ds>[] => useObservable(log.deadLetters, none)
