import { mustBe } from '../core/errors.ts'
import type { Observable } from '../core/observable.ts'
import type { Call } from './connection.ts'
import type { SyncStatus } from './types.ts'

/** How entries of their own reach the worker of a log. */
export const inside: unique symbol = Symbol()

/** Any log that `openLog` gave. */
export interface AnyLog {
  readonly sync: Observable<SyncStatus>
}

/** Throws `tidelog/argument` for what `openLog` did not give. */
export function workerOf(log: AnyLog): Call {
  const { [inside]: call } = log as AnyLog & { readonly [inside]?: Call }
  mustBe(call !== undefined, 'a log', log)
  return call
}
