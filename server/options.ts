import type { Commit } from '../src/core/commit.ts'
import type { EventMap } from '../src/core/event.ts'
import { pushLagEventsMax, runCommitsMax } from '../src/core/limits.ts'
import type { Model } from '../src/core/model.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Problem } from '../src/protocol/sync.ts'
import type { Observe } from './observe.ts'
import type { LogStore } from './store.ts'

/** Who asks. The id is stamped on every commit as `metadata.actor`. */
export interface Actor {
  readonly id: string
  readonly [claim: string]: unknown
}
export type Action = 'push' | 'pull' | 'live'

/** Bounds of a sync handler. Each has a default; see {@link defaultLimits}. */
export interface SyncLimits {
  /** Bytes of a request body, as sent and when inflated. */
  readonly bodyBytesMax: number
  /** A request body that takes longer to arrive is answered 408. */
  readonly bodyMsMax: number
  /** Values and keys in the JSON of a request body. Many small ones cost far more than their bytes; more is 413. */
  readonly bodyValuesMax: number
  /** Commits in one push. */
  readonly runCommitsMax: number
  /** Commits in one page of a pull. */
  readonly pageCommitsMax: number
  /** UTF-8 bytes of the commits in one page; one commit may be larger. */
  readonly pageBytesMax: number
  /** A device further behind has to pull before it pushes. */
  readonly lagEventsMax: number
  /** Likewise, in bytes of commits. */
  readonly lagBytesMax: number
  /** Terms that the conditions of one push are compared with; a run that needs more is answered 413, to be halved. */
  readonly comparisonsMax: number
  /** How often a push is judged anew because other processes were faster, before it answers 503. */
  readonly attemptsMax: number
  /** Pushes to one log that wait for their turn; more are answered 503. */
  readonly waitingMax: number
  /** Open live streams and waiting pulls together; more are answered 503. */
  readonly liveStreamsMax: number
  /** Those of one client, by its actor, or by its address when it has none; more are answered 429. */
  readonly clientStreamsMax: number
  /** Requests of one client, in the long run; each 100 kB of a body count as one more. Beyond it and the burst they are answered 429. */
  readonly requestsPerSecond: number
  /** So many of them at once, after a rest. */
  readonly requestsBurst: number
  /** UTF-8 bytes of a page in a live stream: what one stream holds for a client that does not read. More is to be pulled. */
  readonly liveBytesMax: number
  /** A live stream ends after this long; the client resumes by position. */
  readonly liveMsMax: number
  readonly heartbeatMs: number
  /** A pull that waits is answered after this long at most; keep it below the idle time of whatever stands in front. */
  readonly waitMsMax: number
  /** A segment ends with the commit that gives it so many events; `Infinity` seals nothing. */
  readonly segmentEvents: number
  /** Or with the commit that gives it so many characters of JSON text. */
  readonly segmentTextMax: number
  /** The newest events, so many, are in no segment: they are pulled. */
  readonly segmentBehind: number
}
export const defaultLimits: SyncLimits = {
  // A device sends a million characters at once, which are 3 MB at most.
  bodyBytesMax: 4_000_000,
  bodyMsMax: 30_000,
  // One commit of the largest size has at most 600,000.
  bodyValuesMax: 750_000,
  runCommitsMax,
  // Smaller pages leave a first sync waiting for the wire; larger ones no longer help, and each is a record on the device.
  pageCommitsMax: 2_000,
  pageBytesMax: 2_000_000,
  lagEventsMax: pushLagEventsMax,
  lagBytesMax: 64_000_000,
  comparisonsMax: 50_000_000,
  attemptsMax: 10,
  waitingMax: 1_000,
  liveStreamsMax: 10_000,
  clientStreamsMax: 100,
  requestsPerSecond: 100,
  requestsBurst: 1_000,
  liveBytesMax: 64_000,
  liveMsMax: 10 * 60_000,
  heartbeatMs: 15_000,
  waitMsMax: 25_000,
  segmentEvents: 16_000,
  segmentTextMax: 24_000_000,
  segmentBehind: 4_000,
}

/** Which pages of other sites may call. */
export interface Cors {
  readonly origins: readonly string[] | '*'
  /** Request headers of your own, such as one that names the version of the app. */
  readonly headers?: readonly string[]
}

type Awaitable<T> = T | Promise<T>

/**
 * `gone`: the log was deleted by whoever owned it (410). `client-too-old`: this version of the app may not go on (426).
 * Both end the sync of that log in a state that the page can show.
 */
export type Permission = boolean | 'gone' | 'client-too-old'

/** Options of `createSyncHandler`. */
export interface SyncHandlerOptions<M extends EventMap> {
  readonly store: LogStore
  /** Events of the model's types and current versions are checked by their schemas; unknown ones pass. */
  readonly model?: Model<M>
  /** Who asks: an id, an actor, nothing (answered 401), or a response of your own. Absent: anybody, nameless. */
  readonly authenticate?: (request: Request) => Awaitable<string | Actor | Response | undefined>
  /**
   * Keeps the logs of tenants apart: two tenants may use the same name for a log and never meet, whatever the name is made of.
   * Only actors for whom this gives the same text share a log. Absent: there is one tenant, who has the whole store.
   */
  readonly tenantOf?: (who: { readonly actor: Actor | undefined; readonly headers: Headers }) => Awaitable<string>
  /** Whether the actor may do that with that log: nothing but `true` is yes, `false` is answered 403. Absent: everything is allowed. */
  readonly authorize?: (what: {
    readonly actor: Actor | undefined
    readonly log: string
    readonly action: Action
    /** Of the request, such as a header that names the version of the app. */
    readonly headers: Headers
  }) => Awaitable<Permission>
  /**
   * Whether the actor may append that commit, as it would be stored: nothing but `true` is yes. One that may not be
   * appended is rejected alone, as `forbidden`. Absent: who may push may append anything, and close and erase any stream.
   */
  readonly authorizeCommit?: (what: {
    readonly actor: Actor | undefined
    readonly log: string
    readonly commit: Commit
  }) => Awaitable<boolean>
  /** A rule that needs no log: a problem rejects this commit for good. */
  readonly validate?: (
    commit: Commit,
    context: { readonly actor: Actor | undefined; readonly log: string },
  ) => Awaitable<Problem | undefined>
  readonly limits?: Partial<SyncLimits>
  /** Path in front of `/{log}/push`; `/sync` by default. */
  readonly basePath?: string
  /** Origins that other sites may call from; none by default. */
  readonly cors?: Cors
  /**
   * Hears of errors that nobody expected, and of a store that can't be used; they are answered 500 and 503 without a word about
   * their cause. `requestId` is what `handler(request, { requestId })` was given.
   */
  readonly onError?: (error: unknown, about: { readonly requestId: string | undefined }) => void
  /** Hears of all that is done, for metrics and traces. */
  readonly observe?: Observe
  readonly clock?: Clock
}

/** What the module that `tidelog serve --config` names has as its default export. */
export type ServeConfig<M extends EventMap = EventMap> = Partial<Omit<SyncHandlerOptions<M>, 'store' | 'clock'>>

/** Real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}
