import type { Observable } from '../core/observable.ts'
import type { Marker } from '../core/outcome.ts'

/** What becomes of an event whose handler keeps failing. */
export type GiveUp = 'stop' | 'park' | 'skip'

export interface ErrorPolicy {
  /** Further tries of the same event; 0 by default. */
  readonly retry?: number
  /** Before the first further try; doubles with each, with jitter. 125 by default. */
  readonly retryMs?: number
  readonly retryMsMax?: number
  /** After that: end the subscription (the default), keep the event as parked and go on, or go on without it. */
  readonly giveUp?: GiveUp
  /** Answers whether an error is as good as handled. */
  readonly recover?: (error: unknown, context: HandlerContext) => boolean | Promise<boolean>
  /** Parks the later events of the stream of a parked event, too; only with `giveUp: 'park'`. */
  readonly holdStream?: boolean
}

/** What a handler is given beside the event. */
export interface HandlerContext {
  /** Aborted when the subscription ends, or this try has lasted too long. */
  readonly signal: AbortSignal
  /** From 1. */
  readonly attempt: number
  /** The same for every try of this event by this consumer, on every device: a key for effects that must not be repeated. */
  readonly key: string
  /** Says that the event is handled; only with `ack: 'manual'`. */
  readonly ack: () => void
  /** What this consumer keeps in the log's database. */
  readonly state: ConsumerState
}

/**
 * A consumer's own state, by key: JSON. What a handler sets is kept in one transaction with the checkpoint, and dropped when
 * the handler fails, so that each event counts once. Only for a consumer with a name that handles one event or batch at a time.
 */
export interface ConsumerState {
  readonly get: (key: string) => Promise<unknown>
  /** Nothing, `undefined`, takes the key away. */
  readonly set: (key: string, value: unknown) => void
}

/** Where checkpoints are kept; the log's own database by default. */
export interface CheckpointStore {
  /** Position up to which a consumer has handled everything; nothing when it never ran. */
  readonly get: (consumer: string) => Promise<number | undefined>
  readonly set: (consumer: string, position: number) => Promise<void>
  /** Called when the consumer ends. */
  readonly flush?: (consumer: string) => Promise<void>
}

/** What all subscriptions take. */
export interface ConsumerOptions {
  /** Keeps a checkpoint under this name: the consumer goes on where it was, and one tab at a time runs it. */
  readonly name?: string
  /** Where to begin when there is no checkpoint: `'start'` (the default), `'head'`, behind a position or marker. */
  readonly from?: 'start' | 'head' | number | Marker
  /** Ends the subscription when it has handled what was there at its start. */
  readonly to?: 'head'
  /** A stream, or several: `cart-*`. */
  readonly stream?: string
  /** Events for which it answers false are passed over. */
  readonly filter?: (event: never) => boolean
  /** Events of types that this build does not know: passed over (the default) or given as `$unknown`. */
  readonly unknown?: 'skip' | 'yield'
  /** Hands on only events that are older than this. */
  readonly lagMs?: number
  /** How many events may be handled at a time; those of one stream one after the other. */
  readonly concurrency?: number
  /** Hands on lists of at most so many events; less when no more have come `ms` after the first. */
  readonly batch?: { readonly events: number; readonly ms?: number }
  /** With `'manual'` an event is handled when the handler has said so by `ack()`. */
  readonly ack?: 'auto' | 'manual'
  /** Takes one part of the events: those whose key falls to `index` (from 0) `of` so many. */
  readonly shard?: {
    readonly index: number
    readonly of: number
    readonly by?: 'stream' | 'type' | ((event: never) => string)
  }
  readonly onError?: ErrorPolicy
  /** A try that lasts longer has failed. */
  readonly timeoutMs?: number
  /** Events that wait for the handler; 100 by default. */
  readonly bufferMax?: number
  /** Saves the checkpoint after so many events, or when so long has passed; 1,000 and 250 by default, and when nothing waits. */
  readonly checkpoint?: { readonly events?: number; readonly ms?: number; readonly store?: CheckpointStore }
  /** Another tab runs the consumer: wait until it ends (the default), or fail with `tidelog/consumer-taken`. */
  readonly whenTaken?: 'wait' | 'fail'
  /** When `status` raises an alert: behind for half an hour, nothing handled for a day; false: never. */
  readonly alerts?: { readonly lagMs?: number | false; readonly inactiveMs?: number | false } | false
  readonly signal?: AbortSignal
}

/** How a subscription ended. */
export type Ending =
  | { readonly reason: 'stopped' | 'aborted' | 'head-reached' | 'closed' }
  | { readonly reason: 'failed'; readonly error: unknown }

/** An event that a consumer could not handle. */
export interface ConsumerFailure {
  readonly consumer: string
  readonly eventId: string
  readonly position: number
  readonly stream: string
  readonly type: string
  readonly message: string
  /** `failing` is tried again · `stopped` ended the consumer · `parked` and `held` wait to be retried or discarded · `due` is to be retried */
  readonly status: 'failing' | 'stopped' | 'parked' | 'held' | 'due'
  /** ISO 8601, of the first and the last try. */
  readonly first: string
  readonly last: string
  readonly attempts: number
}

/** The events that a consumer could not handle, in log order. */
export interface Failures extends Observable<readonly ConsumerFailure[]> {
  /** Handles those that are parked or held again, in order, or the one at a position; answers how many went well. */
  readonly retry: (position?: number) => Promise<number>
  /** Forgets them, or the one at a position; answers how many. */
  readonly discard: (position?: number) => Promise<number>
}

/** How a consumer is doing. Times are milliseconds. */
export interface ConsumerStatus {
  readonly name: string | undefined
  /** `waiting` another tab runs it · `reading` behind the head · `live` · `suspended` with its tab · `ended` */
  readonly state: 'starting' | 'waiting' | 'reading' | 'live' | 'suspended' | 'ended'
  /** Everything up to here is handled. */
  readonly position: number
  /** The same as it is kept. */
  readonly checkpoint: number
  readonly lag: { readonly events: number; readonly ms: number }
  /** Events that were handled, passed over, and tries that failed. */
  readonly processed: number
  readonly skipped: number
  readonly failed: number
  readonly parked: number
  /** Events that are being handled. */
  readonly active: number
  /** How long the last event took, and its time from append to the end of its handling. */
  readonly latency: { readonly handlerMs: number; readonly totalMs: number } | undefined
  /** Milliseconds since 1970 of the last event that was handled. */
  readonly lastAt: number | undefined
  readonly alerts: readonly ('lag' | 'inactive' | 'parked' | 'failed')[]
}

/** How a commit fares, as those of its events that are asked for. */
export type CommitChange<E> =
  /** `withdrawn`: it left the queue, taken back or refused. */
  | { readonly status: 'pending' | 'confirmed' | 'withdrawn'; readonly commitId: string; readonly events: readonly E[] }
  /** It was decided again, or came to stand in the log with other content. */
  | {
      readonly status: 'replaced'
      readonly commitId: string
      readonly events: readonly E[]
      readonly before: readonly E[]
    }

/** What goes on until it ends. */
export interface Follower {
  /** Resolves when it ends, and says why. Never rejects. */
  readonly ended: Promise<Ending>
  /** Ends it after what is being handled. In a handler it must not be waited for. */
  readonly stop: () => Promise<Ending>
}

/** A running subscription. */
export interface Subscription extends Follower {
  readonly status: Observable<ConsumerStatus>
  readonly failures: Failures
  /** Begins again at the start or behind a position, with a checkpoint there. */
  readonly reset: (to?: 'start' | number) => Promise<void>
}

/** A handler, and what is called before the first and after the last event. */
export interface Handler<A> {
  readonly reset?: () => unknown
  readonly handle: (event: A, context: HandlerContext) => unknown
  readonly stop?: () => unknown
}
