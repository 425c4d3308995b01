import type { Marker, VersionConflict } from '../core/outcome.ts'
import type { Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { SyncLink } from './notice.ts'
import type { Problem } from './sync.ts'

/**
 * What the page asks of its worker. Plain data both ways: outcomes are values, events travel as JSON text, since a
 * string crosses faster than objects. Every call may be repeated after a lost worker without a second effect.
 */
export interface WorkerApi {
  open(request: OpenRequest): Promise<OpenAnswer>
  append(batch: readonly AppendRequest[]): Promise<readonly AppendAnswer[]>
  read(request: ReadRequest): Promise<ReadAnswer>
  changes(request: ChangesRequest): Promise<ChangesAnswer>
  heads(streams: readonly string[]): Promise<HeadsAnswer>
  commitState(id: string): Promise<CommitState>
  getSnapshot(key: string): Promise<Snapshot | undefined>
  putSnapshot(key: string, snapshot: Snapshot): Promise<void>
  listDeadLetters(): Promise<readonly DeadLetterData[]>
  discardDeadLetter(id: string): Promise<boolean>
  /** Asks the worker that syncs, in whichever tab it lives. */
  askSync(wish: 'now' | 'pause' | 'resume'): Promise<void>
  setCredentials(headers: Readonly<Record<string, string>>): Promise<void>
  close(): Promise<void>
}

export const workerProtocol = 1

export interface OpenRequest {
  readonly protocol: number
  readonly log: string
  /** Part of the database's name: one database for each key. */
  readonly key: string
  readonly durability: Durability
  readonly requireDurable: boolean
  /** The sync endpoint of this log, for a worker that brings none. */
  readonly syncUrl?: string
  readonly credentials?: Readonly<Record<string, string>>
  /** The worker holds a Web Lock of this name while it lives, so that the page notices its death. */
  readonly aliveLock: string
}
export type Durability = 'relaxed' | 'strict'

export type OpenAnswer =
  | {
      readonly ok: true
      readonly database: string
      /** Name of the database, which the channel's name is made of. */
      readonly name: string
      readonly durable: boolean
      readonly readOnly: boolean
      readonly sync: SyncLink
      readonly head: Marker
      readonly pending: number
      /** Why there is no storage, when `durable` is false. */
      readonly problem?: string
    }
  | { readonly ok: false; readonly reason: { readonly type: 'ProtocolMismatch' | 'Moved'; readonly message: string } }

/** One append. The commit is JSON text made by the page; the condition is checked here once and does not travel. */
export interface AppendRequest {
  readonly commit: string
  readonly expected?: readonly { readonly stream: string; readonly version: number | 'exists' }[]
  readonly failIf?: readonly Selector[]
  readonly after?: Marker
  readonly durability?: Durability
}
export type AppendAnswer =
  | {
      readonly ok: true
      readonly head: Marker
      /** Position of the first event; absent while pending. */
      readonly first?: number
      /** The version of the last event of each stream, streams in the order of their first event in the commit. */
      readonly versions: readonly number[]
      readonly durable: boolean
      /** The content under this id that was here before, when the append was a repetition. */
      readonly known?: string
    }
  | { readonly ok: false; readonly reason: AppendReason }
export type AppendReason =
  | VersionConflict
  | { readonly type: 'ConditionConflict'; readonly events: string }
  | { readonly type: 'StorageFull' | 'StorageUnavailable' | 'UpdateNeeded'; readonly message: string }
  | { readonly type: 'IdTaken'; readonly commitId: string }
  | { readonly type: 'MarkerExpired' }

/** One page of a read. The first page of a read has no `through`; it fixes it and brings the pending events. */
export interface ReadRequest {
  readonly selectors: readonly Selector[]
  readonly direction: 'forwards' | 'backwards'
  /** Confirmed events from here on, in the read's direction; exclusive. */
  readonly cursor?: number
  /** Confirmed events up to and including this position belong to the read. */
  readonly through?: number
  readonly fromPosition?: number
  readonly toPosition?: number
  /** Of one stream; only with selectors that name it. */
  readonly fromVersion?: number
  readonly toVersion?: number
  readonly after?: Marker
  readonly limit: number
}
export type ReadAnswer =
  | {
      readonly ok: true
      /** JSON text of a list of placed events, confirmed, in the read's direction. */
      readonly events: string
      readonly count: number
      /** Where the next page goes on; absent when all confirmed ones are read. */
      readonly cursor?: number
      readonly through: number
      /** First page only: JSON text of the pending events, in the read's direction. */
      readonly pending?: string
      readonly head: Marker
    }
  | { readonly ok: false; readonly reason: 'marker-expired' }

/** What a view has folded, and asks to be brought up to date. */
export interface ChangesRequest {
  readonly selectors: readonly Selector[]
  /** Confirmed events up to here are folded. */
  readonly position: number
  /** The revision of the last answer; 0 at first. */
  readonly revision: number
  /** A revision known from a notice: a worker that has it need not look at the disk. */
  readonly seen?: number
}
export interface ChangesAnswer {
  /** JSON text of the confirmed events after `position`, in order. */
  readonly confirmed: string
  /** Position that the confirmed state stands at after these. */
  readonly position: number
  /** More confirmed events wait: ask again before showing anything. */
  readonly more: boolean
  /** `all`: these are all pending events of the scope; `added`: these come behind the known ones. */
  readonly pendingIs: 'all' | 'added'
  readonly pending: string
  readonly head: Marker
}
export interface HeadsAnswer {
  readonly head: Marker
  /** Commits not yet confirmed. */
  readonly pending: number
  /** Last version of each stream asked for, pending included, and how many of them are confirmed. */
  readonly streams: readonly { readonly version: number; readonly confirmed: number }[]
}
export type CommitState =
  | { readonly state: 'pending' }
  | { readonly state: 'confirmed'; readonly position: number }
  | { readonly state: 'refused'; readonly letter: DeadLetterData }
  | { readonly state: 'withdrawn' }
  | { readonly state: 'unknown' }

/** A projection's state at a confirmed position. */
export interface Snapshot {
  readonly position: number
  /** JSON text of the state. */
  readonly state: string
}

/** A commit that was refused by the log, kept with the reason. */
export interface DeadLetterData {
  readonly id: string
  /** JSON text of the commit. */
  readonly commit: string
  readonly reason:
    | { readonly type: 'Conflict'; readonly events: readonly PlacedEvent[] }
    | { readonly type: 'Rejected'; readonly problem: Problem }
  /** ISO 8601, when it was refused. */
  readonly time: string
}

/** The database of a log: one for each key. */
export const databaseName = (log: string, key: string): string =>
  key === '' ? `tidelog/${encodeURIComponent(log)}` : `tidelog/${encodeURIComponent(log)}/${encodeURIComponent(key)}`
