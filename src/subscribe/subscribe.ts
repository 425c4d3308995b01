import type { Log } from '../client/types.ts'
import { Consumer } from '../consumer/consumer.ts'
import type { AnyConsumerOptions } from '../consumer/options.ts'
import { type ChangeHandler, PendingFollower, type PendingOptions } from '../consumer/pending-follower.ts'
import type {
  CommitChange,
  ConsumerOptions,
  Follower,
  Handler,
  HandlerContext,
  Subscription,
} from '../consumer/types.ts'
import type { AnyDecider } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import type { Exact, Query, TypesOfQuery } from '../core/queries.ts'
import type { Recorded, UnknownEvent } from '../core/recorded.ts'
import { hubOf } from './hub-of.ts'

/** What a subscription gives: confirmed events of the query's types. */
export type EventOf<M extends EventMap, Q, U> =
  | Recorded<M, [Q] extends [never] ? keyof M : TypesOfQuery<M, Q>>
  | (U extends 'yield' ? UnknownEvent : never)

/** Options of {@link subscribe}. */
export interface SubscribeOptions<M extends EventMap, Q, U>
  extends Omit<ConsumerOptions, 'filter' | 'shard' | 'unknown'> {
  readonly query?: Q & Exact<M, Q>
  readonly pending?: undefined
  readonly unknown?: U
  readonly filter?: (event: EventOf<M, NoInfer<Q>, NoInfer<U>>) => boolean
  readonly shard?: {
    readonly index: number
    readonly of: number
    readonly by?: 'stream' | 'type' | ((event: EventOf<M, NoInfer<Q>, NoInfer<U>>) => string)
  }
}
type Handles<E> = ((event: E, context: HandlerContext) => unknown) | Handler<E>

/**
 * Hands the confirmed events of a log to a handler, each once and in order, from the past into the present, until it is
 * stopped or ends with a reason. With a name it goes on after a reload where it was, at least once for each event.
 * Throws `tidelog/argument` for options that make no sense.
 */
export function subscribe<
  M extends EventMap,
  Ds extends AnyDecider,
  const Q extends Query<M> = Record<never, never>,
  const U extends 'skip' | 'yield' = 'skip',
>(
  log: Log<M, Ds>,
  options: SubscribeOptions<M, Q, U> & { readonly batch: { readonly events: number; readonly ms?: number } },
  handler: Handles<readonly EventOf<M, NoInfer<Q>, NoInfer<U>>[]>,
): Subscription
export function subscribe<
  M extends EventMap,
  Ds extends AnyDecider,
  const Q extends Query<M> = Record<never, never>,
  const U extends 'skip' | 'yield' = 'skip',
>(
  log: Log<M, Ds>,
  options: SubscribeOptions<M, Q, U> & { readonly batch?: undefined },
  handler: Handles<EventOf<M, NoInfer<Q>, NoInfer<U>>>,
): Subscription
/** Tells how commits fare from now on, beginning with the pending ones: `pending`, then `confirmed`, `withdrawn` or `replaced`. */
export function subscribe<M extends EventMap, Ds extends AnyDecider, const Q extends Query<M> = Record<never, never>>(
  log: Log<M, Ds>,
  options: {
    readonly pending: true
    readonly stream?: string
    readonly query?: Q & Exact<M, Q>
    readonly signal?: AbortSignal
  },
  handler: (change: CommitChange<EventOf<M, NoInfer<Q>, 'yield'>>) => unknown,
): Follower
export function subscribe<M extends EventMap, Ds extends AnyDecider>(
  log: Log<M, Ds>,
  options: object,
  handler: Handles<never>,
): Follower {
  if ('pending' in options && options.pending === true)
    return new PendingFollower(hubOf(log).ports, options as PendingOptions, handler as ChangeHandler)
  const handles = typeof handler === 'function' ? { handle: handler } : handler
  return new Consumer(hubOf(log), options as AnyConsumerOptions, handles)
}
