import type { RefusalData } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import type { TidelogErrorCode } from '../core/errors.ts'
import type {
  ConditionConflict,
  IdTaken,
  Invalid,
  Marker,
  StreamClosed,
  TooLarge,
  UpdateNeeded,
  VersionConflict,
  Withdrawal,
} from '../core/outcome.ts'
import type { PageLife } from '../core/ports.ts'
import type { AnyQuery } from '../core/queries.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { Retentions } from '../core/retention.ts'
import type { SyncLink, SyncWish } from './notice.ts'
import type { Problem } from './sync.ts'

/**
 * What the page asks of its worker. Plain data both ways: outcomes are values, events travel as JSON text, since a
 * string crosses faster than objects. Every call may be repeated after a lost worker without a second effect.
 */
export interface WorkerApi {
  open(request: OpenRequest): Promise<OpenAnswer>
  append(batch: readonly AppendText[]): Promise<readonly AppendAnswer[]>
  read(request: ReadRequest): Promise<ReadAnswer>
  changes(request: ChangesRequest): Promise<ChangesAnswer>
  heads(streams: readonly string[]): Promise<HeadsAnswer>
  commitState(id: string): Promise<CommitState>
  getSnapshot(key: string): Promise<Snapshot | undefined>
  putSnapshot(key: string, snapshot: Snapshot): Promise<void>
  listDeadLetters(): Promise<readonly DeadLetterData[]>
  discardDeadLetter(id: string): Promise<boolean>
  /** Decides the command of a dead letter again; nothing when there is no such letter. */
  retryDeadLetter(id: string): Promise<AppendAnswer | undefined>
  withdraw(id: string): Promise<Withdrawal>
  /** What consumers keep: the rows whose chains begin so, in key order. */
  listKept(chain: string): Promise<readonly KeptRow[]>
  /** The same in parts, all of one moment. */
  lookUp(asks: readonly KeptAsk[]): Promise<readonly KeptFound[]>
  /** Keeps rows in one transaction. False when a key of `add` is taken: then nothing is kept. */
  keep(changes: KeptChanges): Promise<boolean>
  /** The confirmed events behind a position as a segment file. */
  exportSegment(after: number): Promise<ExportAnswer>
  importSegment(file: Uint8Array<ArrayBuffer>): Promise<ImportAnswer>
  /** Asks the worker that syncs, in whichever tab it lives. */
  askSync(wish: SyncWish): Promise<void>
  /** How the page lives: what runs by itself lets go of its locks while it is suspended, and takes them away only while it is visible. */
  setPageLife(life: PageLife): Promise<void>
  setCredentials(headers: Readonly<Record<string, string>>): Promise<void>
  /** Ends this database and goes on in a fresh one, which brings over what is asked for once it has followed its server. */
  adopt(bring: Bring): Promise<void>
  /** Gives a log that was its own sequencer to a server that has nothing of it, and goes on in a replica of that. */
  attach(): Promise<AttachAnswer>
  /** Appends what another database of this origin holds behind a position; the last step brings what is pending there. */
  importFrom(database: string, after: number): Promise<BroughtAnswer>
  listArchives(): Promise<readonly ArchiveData[]>
  /** Removes the content of an archive; false while a tab reads it. */
  dropArchive(database: string): Promise<boolean>
  unsent(): Promise<Unsent>
  /** Lets the log go in every tab, and deletes it when it is asked to. */
  leave(wipe: Wipe): Promise<LeaveAnswer>
  close(): Promise<void>
}

export const workerProtocol = 6

export interface OpenRequest {
  readonly protocol: number
  readonly log: string
  /** Part of the database's name: one database for each key. */
  readonly key: string
  readonly durability: Durability
  readonly requireDurable: boolean
  /** An archive of this log, to be read. */
  readonly archive?: string | undefined
  /** How long the events of some streams are kept. */
  readonly retentions?: Retentions | undefined
  /** The sync endpoint of this log, for a worker that brings none. */
  readonly syncUrl?: string | undefined
  readonly credentials?: Readonly<Record<string, string>> | undefined
  /** The worker holds a Web Lock of this name while it lives, so that the page notices its death. */
  readonly aliveLock: string
}
export type Durability = 'relaxed' | 'strict'

/** Where the log rests, as the page shows it. */
export interface StorageStatus {
  readonly state: 'opening' | 'ok' | 'memory' | 'full' | 'lost' | 'needs-newer-app' | 'moved' | 'signed-out' | 'closed'
  /** False while what is appended would not survive this tab. */
  readonly durable: boolean
  readonly problem?: string | undefined
}

export type OpenAnswer =
  | {
      readonly ok: true
      readonly database: string
      /** Of the database: where a log has moved it is another. */
      readonly name: string
      readonly storage: StorageStatus
      /** Absent while the worker has heard nothing: what the page heard from the syncing one is newer. */
      readonly sync: SyncLink | undefined
      readonly head: Marker
      readonly pending: number
    }
  | { readonly ok: false; readonly reason: { readonly type: 'ProtocolMismatch'; readonly message: string } }

/** What a worker says without being asked: its storage has changed, or the log rests in another database than it said. */
export type Said = { readonly storage: StorageStatus } | { readonly opened: Extract<OpenAnswer, { readonly ok: true }> }

/**
 * One append as the page sends it: JSON text of its {@link Commit}, which goes to the disk and to the server as it is where
 * nothing has to hold, and JSON text of an {@link AppendCall}. The page mints the ids and the time, so that a call made
 * again is the same append.
 */
export type AppendText = readonly [commit: string, call: string]

/** How an append is meant: what has to hold in which streams, and the caller's own options, which the worker reads. */
export interface AppendCall {
  /** In the order of the events, each with the number of its own; absent when all are one write. */
  readonly writes?:
    | readonly {
        readonly stream?: string | undefined
        readonly count: number
        readonly expectedVersion?: unknown
      }[]
    | undefined
  readonly options: {
    readonly durability?: unknown
    readonly expectedVersion?: unknown
    readonly failIfEventsMatch?: AnyQuery | undefined
    readonly after?: unknown
  }
  /** Kept in the same transaction, if the commit is admitted. */
  readonly keep?: KeptChanges | undefined
}
export interface Expected {
  readonly stream: string
  readonly version: number | 'exists'
}
export type AppendAnswer =
  | {
      readonly ok: true
      readonly head: Marker
      /** Position of the first event; absent while pending. */
      readonly first?: number
      /** The version of each event in its stream. */
      readonly versions: readonly number[]
      readonly durable: boolean
      /** The commit where the page does not know it: decided here, or here before under this id. */
      readonly known?: string
    }
  | { readonly ok: false; readonly reason: AppendReason }
export type AppendReason =
  | VersionConflict
  | ConditionConflict<PlacedEvent>
  | StreamClosed
  | { readonly type: 'StorageFull' | 'StorageUnavailable'; readonly message: string }
  | UpdateNeeded
  | IdTaken
  | TooLarge
  | Invalid
  | { readonly type: 'Refused'; readonly refusal: RefusalData }
  /** The call makes no sense, or the code of a decider failed. */
  | { readonly type: 'Error'; readonly code: TidelogErrorCode; readonly message: string }

/** One page of a read. The first page of a read has no `through`; it fixes it and brings the pending events. */
export interface ReadRequest {
  /** The caller's own options, which the worker reads. */
  readonly options: AnyReadOptions
  /** Confirmed events from here on, in the read's direction; exclusive. */
  readonly cursor?: number | undefined
  /** Confirmed events up to and including this position belong to the read. */
  readonly through?: number | undefined
}
export interface AnyReadOptions extends AnyScope {
  readonly direction?: 'forwards' | 'backwards' | undefined
  readonly limit?: number | undefined
  readonly after?: Marker | undefined
  readonly fromPosition?: number | undefined
  readonly toPosition?: number | undefined
  readonly fromVersion?: number | undefined
  readonly toVersion?: number | undefined
  readonly unknown?: 'skip' | 'yield' | undefined
}
export interface AnyScope {
  readonly stream?: string | undefined
  readonly query?: AnyQuery | undefined
}
export interface ReadAnswer {
  /** The confirmed events in the read's direction, as `decodeText` takes them. */
  readonly events: string
  /** JSON text of the pending events, in the read's direction; none but on the first page. */
  readonly pending: string
  /** Where the next page goes on; absent when all confirmed ones are read. */
  readonly cursor: number | undefined
  readonly through: number
  readonly head: Marker
}

/** What a view has folded, and asks to be brought up to date. */
export interface ChangesRequest {
  readonly scope: AnyScope
  /** Only events of these types are wanted; absent: of all. */
  readonly types?: readonly string[] | undefined
  /** Confirmed events up to here are folded. */
  readonly position: number
  /** The revision of the last answer; 0 at first. */
  readonly revision: number
  /** A revision known from a notice: a worker that has it need not look at the disk. */
  readonly seen?: number | undefined
  /** `seen` was told by a notice: the worker, which hears it too, waits a moment for it before it looks at the disk. */
  readonly isTold?: boolean | undefined
  /** Confirmed events of one answer; a page by default. */
  readonly limit?: number | undefined
  /** Pending events are not asked for. */
  readonly isConfirmedOnly?: boolean | undefined
}
export interface ChangesAnswer {
  /** The confirmed events after `position` in order, as `decodeText` takes them. */
  readonly confirmed: string
  /** Position that the confirmed state stands at after these. */
  readonly position: number
  /** More confirmed events wait: ask again before showing anything. */
  readonly more: boolean
  /** `all`: these are all pending events of the scope; `added`: these come behind the known ones. */
  readonly pendingIs: 'all' | 'added'
  readonly pending: string
  /** Revision at which data was removed last: what was folded before has to be folded anew. */
  readonly erasedAt: number
  readonly head: Marker
}
export interface HeadsAnswer {
  readonly head: Marker
  /** Commits not yet confirmed. */
  readonly pending: number
  /** The last position that is in a segment. */
  readonly sealed: number
  /** Erasures up to this position are carried out. */
  readonly erased: number
  /** Last version of each stream asked for, pending included, and how many of them are confirmed. */
  readonly streams: readonly { readonly version: number; readonly confirmed: number }[]
}
export type CommitState =
  | { readonly status: 'pending' | 'unknown' | 'withdrawn' | 'nothing-to-do' }
  | { readonly status: 'confirmed'; readonly position: number }
  | { readonly status: 'rejected'; readonly problem: Problem }
  | { readonly status: 'conflict'; readonly events: readonly PlacedEvent[] }
  | { readonly status: 'refused'; readonly reason: RefusalData }

export interface ExportAnswer {
  /** A segment file; absent behind the confirmed head. */
  readonly file?: Uint8Array<ArrayBuffer>
  /** The last position in it. */
  readonly through: number
  readonly head: number
}
export interface ImportAnswer {
  /** The last position in the file. */
  readonly through: number
  /** Commits of the file. */
  readonly commits: number
  readonly events: number
  /** Those that the log did not take. */
  readonly refused: readonly { readonly commitId: string; readonly reason: AppendReason['type'] }[]
}

/** A row of a consumer: a checkpoint, a failure, a task. */
export interface KeptRow {
  readonly chain: string
  readonly n: number
  readonly value: unknown
}
/** Rows of a chain, or of all chains up to another one, in key order. */
export interface KeptAsk {
  readonly chain: string
  /** Only from this key of the first chain on. */
  readonly n?: number | undefined
  /** Exclusive; absent: only the rows of `chain`. */
  readonly until?: string | undefined
  readonly limit?: number | undefined
  /** They are counted, not given. */
  readonly isCount?: boolean | undefined
}
export interface KeptFound {
  readonly rows: readonly KeptRow[]
  readonly count: number
}
/** What one transaction does to the rows of consumers. */
export interface KeptChanges {
  readonly put?: readonly KeptRow[] | undefined
  readonly add?: readonly KeptRow[] | undefined
  /** Rows of a chain, or from it to the end of another one, bounds included. */
  readonly delete?:
    | readonly { readonly chain: string; readonly from: number; readonly to: number; readonly last?: string }[]
    | undefined
  /** Others are told that something was kept, by a notice of a log that has not moved. */
  readonly isAnnounced?: boolean | undefined
}

/** A projection's state at a confirmed position. */
export interface Snapshot {
  readonly position: number
  /** JSON text of the state. */
  readonly state: string
  /** Where the log was when it was folded. */
  readonly revision: number
}

/** A commit that did not come into the log as it was meant, kept with the reason. */
export interface DeadLetterData {
  readonly id: string
  /** JSON text of the commit, with its command. */
  readonly commit: string
  readonly reason: /** An append without a decider, whose condition does not hold any more; with the confirmed events that caused it. */
    | { readonly type: 'Conflict'; readonly events: readonly PlacedEvent[] }
    | { readonly type: 'Refused'; readonly refusal: RefusalData; readonly events: readonly PlacedEvent[] }
    | { readonly type: 'Rejected'; readonly problem: Problem }
    /** It was withdrawn, and the server had it nevertheless. */
    | { readonly type: 'Confirmed'; readonly position: number }
  /** ISO 8601, when it was refused. */
  readonly time: string
}

/** What a fresh replica takes from the one before: what was pending there, or also what its server does not have. */
export type Bring = 'missing' | 'pending' | 'nothing'
/** What of a log is deleted with a sign-out: nothing, all if the server has it, or all. */
export type Wipe = 'nothing' | 'if-sent' | 'all'

/** What was brought over from another database. */
export interface BroughtAnswer {
  /** The last position that was looked at there. */
  readonly through: number
  readonly head: number
  /** Nothing is left to be brought. */
  readonly isDone: boolean
  readonly commits: number
  /** Commits that are kept as dead letters here. */
  readonly letters: number
}
export type AttachAnswer =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: /** The server has a log of this name already. */
        | { readonly type: 'NotEmpty'; readonly head: number }
        | { readonly type: 'Rejected'; readonly commitId: string; readonly problem: Problem }
        /** It is attached already, or there is no server. */
        | { readonly type: 'NotLocal' }
        | { readonly type: 'Unreachable'; readonly message: string }
    }
/** A database that was a log's before. */
export interface ArchiveData {
  readonly database: string
  /** Confirmed events in it. */
  readonly events: number
  /** Commits that never were confirmed. */
  readonly pending: number
  /** ISO 8601, when it ended. */
  readonly time: string
  /** What was to be brought over from it is there. */
  readonly isBrought: boolean
}
/** What only this device has, with what is still to be brought over from a database before. */
export interface Unsent {
  /** Commits not yet confirmed. */
  readonly pending: number
  readonly deadLetters: number
  /** Confirmed events of a log that has no server, or of one before that this server is not known to have. */
  readonly local: number
}
export type LeaveAnswer = {
  /** False: there is something unsent, and nothing happened. */
  readonly ok: boolean
  readonly unsent: Unsent
  /** False while a tab that does not answer holds the storage: it is deleted when the log is opened next. */
  readonly isWiped: boolean
}

/** The database of a log: one for each key. */
export const databaseName = (log: string, key: string = ''): string =>
  ['tidelog', log, key]
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/')
