import type { RefusalData } from '../core/command.ts'
import type { Metadata } from '../core/commit.ts'
import type { AnyDecider, CommandOf, FactsOf, RefusalsOf } from '../core/decider.ts'
import type { EventMap, Fact } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import type { Observable } from '../core/observable.ts'
import type {
  AppendRefused,
  ConditionConflict,
  Marker,
  Not,
  Ok,
  Outcome,
  Receipt,
  VersionConflict,
  Withdrawal,
} from '../core/outcome.ts'
import type { Projection } from '../core/projection.ts'
import type { Exact, Query, TypesOfQuery } from '../core/queries.ts'
import type { Recorded, UnknownEvent } from '../core/recorded.ts'
import type { SyncState } from '../protocol/notice.ts'
import type { Problem } from '../protocol/sync.ts'
import type { Durability, StorageStatus } from '../protocol/worker.ts'

/** Options of every append. */
export interface AppendOptions {
  /** Your own id for this commit: appending the same again is the same append. */
  readonly commitId?: string
  readonly metadata?: Metadata
  /** `strict` waits for the disk; the default is the log's. */
  readonly durability?: Durability
  readonly expectedVersion?: 'any'
}
/** The append holds only if the stream is at this version: 0 is "no such stream yet". */
export interface IfVersion extends Omit<AppendOptions, 'expectedVersion'> {
  readonly expectedVersion: number | 'exists'
  /** Where the version was read; then an event that was taken out since refuses the append too. */
  readonly after?: Marker
}
/** The append holds only if no event that came after `after` (without it: no event at all) matches the query. */
export interface IfNoMatch<M extends EventMap> extends Omit<AppendOptions, 'expectedVersion'> {
  readonly failIfEventsMatch: Query<M>
  readonly after?: Marker
}
/** What is written to one stream, for a commit over several. */
export interface StreamWrite<M extends EventMap> {
  readonly stream: string
  readonly events: readonly Fact<M>[]
  readonly expectedVersion?: number | 'exists' | 'any'
}

/** What a read asks for. Bounds are inclusive; `after` takes only events that came later than the marker. */
export interface ReadOptions<M extends EventMap, Q, U> {
  readonly stream?: string
  readonly query?: Q & Exact<M, Q>
  readonly direction?: 'forwards' | 'backwards'
  readonly limit?: number
  readonly after?: Marker
  readonly fromPosition?: number
  readonly toPosition?: number
  /** Only with `stream`. */
  readonly fromVersion?: number
  /** Only with `stream`. */
  readonly toVersion?: number
  /** Events of types that this build does not know: left out (the default) or given as `$unknown`. */
  readonly unknown?: U
}
/** Events in log order: confirmed, then pending. Iterate it, or take all at once. */
export interface ReadResult<E> extends AsyncIterable<E> {
  /** What the read has seen, also when nothing matched: ready to be the `after` of a condition. */
  readonly head: Promise<Marker>
  readonly all: () => Promise<{ readonly events: readonly E[]; readonly head: Marker }>
}

/** A projection kept up to date. */
export interface View<S> extends Observable<S> {
  /** The first state after the log was read. */
  readonly ready: Promise<S>
  /** Resolves once the view has folded what the receipt or marker has seen; rejects with `tidelog/timeout`. */
  readonly waitFor: (seen: Receipt<unknown> | Marker, options?: { readonly timeoutMs?: number }) => Promise<S>
  /** Why the view stopped following the log, if it did. */
  readonly error: () => unknown
  readonly close: () => void
}

export interface LogHead {
  readonly marker: Marker
  /** Position of the last confirmed event. */
  readonly confirmed: number
  /** Commits not yet confirmed. */
  readonly pending: number
}
export interface StreamHead {
  /** Version of the last event, pending ones included; 0 when the stream is empty. */
  readonly version: number
  readonly confirmed: number
}

/** How far the log is known: on this device, sent, and confirmed by the server. */
export interface SyncStatus {
  readonly state: SyncState
  /** True only when the server has confirmed everything that this device holds. */
  readonly synced: boolean
  /** Commits that only this device has, as far as it knows. */
  readonly pending: number
  readonly confirmed: number
  readonly sent: number
  readonly serverHead: number
  /** Tries that failed in a row. After a few of them appends no longer cause a try; time, the network and `now` do. */
  readonly failures: number
  readonly lastError?: { readonly type: string; readonly message: string }
  readonly retryAt?: number
  readonly lastAnswerAt?: number
}
/** The sync of this log, whichever tab does it. */
export interface SyncControl extends Observable<SyncStatus> {
  /** Tries at once instead of waiting for the next try. */
  readonly now: () => void
  /** Stops talking to the server until {@link resume}. Appends go on. */
  readonly pause: () => void
  readonly resume: () => void
}

interface LetterOf<M extends EventMap> {
  readonly commitId: string
  /** What it meant to record. */
  readonly events: readonly Fact<M>[]
  /** The confirmed events that stood in its way, the first ones. */
  readonly causedBy: readonly (Recorded<M> | UnknownEvent)[]
  readonly time: string
  /** How often it was decided. */
  readonly attempt: number
}
type NoReason<M extends EventMap> =
  /** What its condition looks at has changed; for a command: so often that it is not decided again by itself. */
  | { readonly type: 'Conflict'; readonly events: readonly (Recorded<M> | UnknownEvent)[] }
  | { readonly type: 'Rejected'; readonly problem: Problem }
  /** It was withdrawn, and the server had it nevertheless. */
  | { readonly type: 'Confirmed'; readonly position: number }
interface AppendLetter<M extends EventMap> extends LetterOf<M> {
  readonly decider?: undefined
  readonly command?: undefined
  readonly reason: NoReason<M>
}
interface CommandLetter<M extends EventMap, D extends AnyDecider> extends LetterOf<M> {
  readonly decider: D['name']
  readonly command: CommandOf<D>
  readonly reason: RefusalsOf<D> | NoReason<M>
}
/** A commit that did not come into the log as it was meant: kept with its reason until it is retried or discarded. */
export type DeadLetter<M extends EventMap, Ds extends AnyDecider = AnyDecider> =
  | AppendLetter<M>
  | (Ds extends AnyDecider ? CommandLetter<M, Ds> : never)
export interface DeadLetters<M extends EventMap, Ds extends AnyDecider = AnyDecider>
  extends Observable<readonly DeadLetter<M, Ds>[]> {
  readonly list: () => Promise<readonly DeadLetter<M, Ds>[]>
  /** Forgets one; answers whether it was there. */
  readonly discard: (commitId: string) => Promise<boolean>
  /**
   * Decides its command again, under its id; an append that the server rejected is made again if it had no condition.
   * Rejects with `tidelog/argument` when there is no such letter, and `tidelog/decider` when it can't be decided here.
   */
  readonly retry: (commitId: string) => Promise<Executed<M, Ds>>
  /** All of them as JSON text, to be kept elsewhere. */
  readonly export: () => Promise<string>
}

/** How a commit ended at the sequencer. `R` are the refusals of the decider that it came from. */
export type Confirmation<M extends EventMap, R = never> =
  | { readonly status: 'confirmed'; readonly position: number }
  | { readonly status: 'withdrawn' }
  | { readonly status: 'rejected'; readonly problem: Problem }
  | { readonly status: 'conflict'; readonly events: readonly (Recorded<M> | UnknownEvent)[] }
  | ([R] extends [never]
      ? never
      : { readonly status: 'refused'; readonly reason: R } | { readonly status: 'nothing-to-do' })

/** What came of a command: its events are durable here, or the decider, or the log, said no. */
export type Executed<M extends EventMap, D extends AnyDecider> =
  | Ok<RefusalsOf<D>, Recorded<M, FactsOf<D> extends { readonly type: infer K } ? K & keyof M : never>>
  | Not<AppendRefused | RefusalsOf<D>>

/** An event log on this device. Calls made before it is open wait for it. */
export interface Log<M extends EventMap, Ds extends AnyDecider = AnyDecider> {
  readonly name: string
  /** Resolves when the log is open; rejects when it can't be. */
  readonly ready: Promise<void>
  // Overloads, not a generic options type: a type parameter would switch excess-property checks off, and a typo in a
  // condition would pass.
  append(
    stream: string,
    events: readonly Fact<M>[],
    options?: AppendOptions,
  ): Promise<Outcome<Recorded<M>, AppendRefused>>
  append(
    stream: string,
    events: readonly Fact<M>[],
    options: IfVersion,
  ): Promise<Outcome<Recorded<M>, AppendRefused | VersionConflict>>
  append(
    stream: string,
    events: readonly Fact<M>[],
    options: IfNoMatch<M>,
  ): Promise<Outcome<Recorded<M>, AppendRefused | ConditionConflict<Recorded<M> | UnknownEvent>>>
  append(events: readonly Fact<M>[], options?: AppendOptions): Promise<Outcome<Recorded<M>, AppendRefused>>
  append(events: readonly Fact<M>[], options: IfVersion): Promise<Outcome<Recorded<M>, AppendRefused | VersionConflict>>
  append(
    events: readonly Fact<M>[],
    options: IfNoMatch<M>,
  ): Promise<Outcome<Recorded<M>, AppendRefused | ConditionConflict<Recorded<M> | UnknownEvent>>>
  append(
    commit: readonly StreamWrite<M>[],
    options?: AppendOptions | IfNoMatch<M>,
  ): Promise<Outcome<Recorded<M>, AppendRefused | VersionConflict | ConditionConflict<Recorded<M> | UnknownEvent>>>
  read<const Q extends Query<M> = Record<never, never>, const U extends 'skip' | 'yield' = 'skip'>(
    options?: ReadOptions<M, Q, U>,
  ): ReadResult<Recorded<M, TypesOfQuery<M, Q>> | (U extends 'yield' ? UnknownEvent : never)>
  /** A projection that follows the log; the same name and parameters give the same view. */
  view<S, P>(projection: Projection<M, S, P>, ...params: P extends void ? [] : [params: P]): View<S>
  logHead(): Promise<LogHead>
  streamHead(stream: string): Promise<StreamHead>
  /**
   * Decides a command on what this device knows and records the outcome. It is decided again when others were faster,
   * here or at the server; `whenConfirmed` tells how it ended.
   */
  execute<D extends Ds>(
    decider: D,
    command: CommandOf<D>,
    options?: Omit<AppendOptions, 'expectedVersion'>,
  ): Promise<Executed<M, D>>
  /** Takes a commit back that is not confirmed yet. */
  withdraw(receipt: Receipt<unknown> | { readonly commitId: string }): Promise<Withdrawal>
  /** How the commit ends at the server. A log without one confirms at once. */
  whenConfirmed<R>(receipt: Receipt<R>, options?: { readonly signal?: AbortSignal }): Promise<Confirmation<M, R>>
  whenConfirmed(
    commit: { readonly commitId: string },
    options?: { readonly signal?: AbortSignal },
  ): Promise<Confirmation<M> | Confirmation<M, RefusalData>>
  readonly sync: SyncControl
  readonly storage: Observable<StorageStatus>
  readonly deadLetters: DeadLetters<M, Ds>
  /** Ends this tab's part: waits for appends under way, then lets storage, locks and channels go. */
  close(): Promise<void>
}

export interface OpenOptions {
  /** The user the log belongs to: each has a database of its own. */
  readonly principal?: string
  /** Another database of the same log, such as one cart or room. */
  readonly key?: string
  /** `relaxed` (the default) survives a crash of the browser, `strict` a loss of power too. */
  readonly durability?: Durability
  /** Refuse appends when the browser gives no storage (the default), or keep them in memory and say so. */
  readonly requireDurable?: boolean
  /** Ask the browser not to evict the log. */
  readonly persist?: boolean
  /** URL of the log at a sync endpoint, such as `/sync/shop`; a worker of your own names its endpoint itself. */
  readonly sync?: string
  /** Headers for requests to the server; asked again when they are refused. */
  readonly credentials?: () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
  /** An archive of this log, as `listArchives` names it: it is read, and takes no append. */
  readonly archive?: string
  /** A worker of your own, which calls `serveLog`. */
  readonly worker?: () => Worker
}

/** The log of a model: `LogOf<typeof shop>`. */
export type LogOf<T> = T extends Model<infer M, infer Ds> ? Log<M, Ds[number]> : never
