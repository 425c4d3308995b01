import type { AnyLog } from '../client/inside.ts'
import { type KeepRunningOptions, keepRunningOver, type Runner } from '../consumer/keep-running.ts'
import type { Subscription } from '../consumer/types.ts'
import { hubOf } from './hub-of.ts'

export type { Checkpoint } from '../consumer/checkpoints.ts'
export type { KeepRunningOptions, Runner } from '../consumer/keep-running.ts'
export { ReplayError } from '../consumer/raw-event.ts'
export type {
  CheckpointStore,
  CommitChange,
  ConsumerFailure,
  ConsumerOptions,
  ConsumerState,
  ConsumerStatus,
  Ending,
  ErrorPolicy,
  Failures,
  Follower,
  GiveUp,
  Handler,
  HandlerContext,
  Subscription,
} from '../consumer/types.ts'
export { type Cause, causedBy } from '../core/cause.ts'
export {
  checkpointOf,
  consumersOf,
  discardFailures,
  type Inspection,
  inspect,
  listFailures,
  retryFailures,
} from './inspect.ts'
export { type EventOf, type SubscribeOptions, subscribe } from './subscribe.ts'

/** Begins a subscription again whenever it ends: soon after an expected end, with back-off after a failure. */
export const keepRunning = (log: AnyLog, start: () => Subscription, options?: KeepRunningOptions): Runner =>
  keepRunningOver(hubOf(log).ports, start, options)
