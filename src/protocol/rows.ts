import type { Seen } from './sync.ts'

/**
 * The rows of the database, format 1. The IndexedDB version stays 1 for ever; what changes is the `format` inside a
 * row, and a row that a view does not know makes it read-only.
 *
 * writes  1 append · 2 append · 3 pull(from, through, settled) · 4 append · 5 rebase …   ← key: revision, only ever added
 * log     [1‥2000: parts, directory] [2001‥2002] [2003‥2003] …                            ← key: last position
 * state   [chain, n]                                                                    ← checkpoints, dead letters, …
 */
export const rowFormat = 1

/** The kinds of `writes` rows that this version understands. */
export type WriteRow = AppendRow | PullRow | RebaseRow | SealRow | EraseRow | StubRow | MovedRow

interface Row {
  readonly revision: number
  readonly format: typeof rowFormat
}
/** Commits of one group. */
export interface AppendRow extends Row {
  readonly kind: 'append'
  /** JSON text of a list of commits. */
  readonly commits: string
  /** Position of the first event, in a log that is its own sequencer; absent where the commits are pending. */
  readonly first?: number
}
/** Confirmed commits were brought to `log`. */
export interface PullRow extends Row {
  readonly kind: 'pull'
  readonly from: number
  readonly through: Seen
  /** Ids of commits that left the pending queue. */
  readonly settled: readonly string[]
  /** Those of `settled` that were first in the queue with the same content: nothing foreign for the rest. */
  readonly own: readonly string[]
  /** What left the queue because the log has other content under its id. */
  readonly takenOut: readonly TakenOut[]
  /** Where they came as a segment of the server: there are no records of them. */
  readonly segment?: SegmentPlace
}
/** The pending queue was changed. */
export interface RebaseRow extends Row {
  readonly kind: 'rebase'
  /** The confirmed head that the queue was compared with; -1 when only some commits were taken out. */
  readonly through: number
  /** JSON text of a list of commits that stand for pending ones of the same id. */
  readonly replaced: string
  /** Ids that left the queue as dead letters. */
  readonly refused: readonly string[]
  /** Ids that left the queue otherwise: taken back by the user, or with nothing left to do. */
  readonly withdrawn: readonly string[]
  /** Ids of the queue after this row, or nothing: what stays keeps its place. */
  readonly order: readonly string[]
  readonly takenOut: readonly TakenOut[]
}
/** Confirmed commits were packed; content unchanged. What was sealed in this range before is part of the segment now. */
export interface SealRow extends Row {
  readonly kind: 'seal'
  readonly segment: SegmentPlace
}
/** Data of sealed events was removed, and whatever was made from it. */
export interface EraseRow extends Row {
  readonly kind: 'erase'
  /** Every erasure in the log up to this position is carried out. */
  readonly through: number
}
/** Where a segment rests in `log`: its parts at fractions right below `last`. */
export interface SegmentPlace {
  readonly first: number
  readonly last: number
  readonly parts: number
  /** Whether its directory is spread over the buckets of `dir`; a small one is one row of `log`. */
  readonly isSpread: boolean
  /** Digest of the log up to `last`. */
  readonly digest: string
  /** The write that brought all of it here, in place of what its parts say: a segment of the server knows none. */
  readonly revision?: number
}
/** Stands where an append row was whose commits are all settled; `by` is the revision that settled the last of them. */
export interface StubRow extends Row {
  readonly kind: 'stub'
  readonly by: number
  /** Its commits are in segments and records: a view that comes to it begins again at the checkpoint that was written with it. */
  readonly isSealed?: true
}
/** The end of this database: the app uses another one. */
export interface MovedRow extends Row {
  readonly kind: 'moved'
  /** Empty: none, it is to be deleted. */
  readonly to: string
}

/** What a condition can look at of an event that left the log. */
export interface TakenOut {
  readonly stream: string
  readonly type: string
  readonly tags?: readonly string[] | undefined
}

/** A row of `log`: confirmed commits, without a gap to the row before. */
export interface LogRow {
  readonly last: number
  readonly format: typeof rowFormat
  readonly first: number
  /** JSON text of a list of commits. */
  readonly commits: string
  /** For each commit the revision of the write that brought its content here. */
  readonly revisions: readonly number[]
  /** Digest of the log up to `last`. */
  readonly digest: string
}

/** A row of `log` where a small segment ends: finds the parts of its terms. */
export interface DirectoryRow {
  readonly last: number
  readonly format: typeof rowFormat
  readonly directory: string
}
/** A row of `dir`: the terms of a large segment that fall into one bucket. */
export interface BucketRow {
  readonly bucket: number
  /** The last position of the segment. */
  readonly group: number
  readonly format: typeof rowFormat
  readonly directory: string
}
/** A row of `log`: some of the events of a segment, gzipped. */
export interface PartRow {
  readonly last: number
  readonly format: typeof rowFormat
  readonly part: Uint8Array<ArrayBuffer>
}

/** A row of `state`. */
export interface StateRow {
  readonly chain: string
  readonly n: number
  readonly format: typeof rowFormat
  readonly [field: string]: unknown
}
/** `state` chain of the database's own identity. */
export const identityChain = 'database'
/** `state` chain of the newest checkpoint: where a view that is opened begins. */
export const checkpointChain = 'checkpoint'
/** `state` chain of a dead letter is this and the commit id. */
export const deadLetterChain = 'dead/'
/** `state` chain of a commit that left the queue without a letter is this and the commit id. */
export const settledChain = 'settled/'
/** `state` chain of a view's snapshot is this and the view's key. */
export const snapshotChain = 'snapshot/'
/** `state` chain of what a consumer keeps is this and its own name for it. */
export const keptChain = 'kept/'
/** What read models keep begins so, behind {@link keptChain}: checkpoints here, … */
export const rowsAtChain = 'rows/at/'
/** … and rows here. */
export const rowsInChain = 'rows/in/'
/** `state` chain of sync: 0 is how the last try failed, a higher n the revision up to which commits may have been sent. */
export const syncChain = 'sync'

/** `state` chain of where the log goes on: 0 is where this database brings something over from, 1 what stands in its own place now. */
export const replicaChain = 'replica'

const kinds: ReadonlySet<string> = new Set(['append', 'pull', 'rebase', 'seal', 'erase', 'stub', 'moved'])

/** False for a row of a newer app: such a row makes a view read-only. */
export const isKnownRow = (row: { readonly kind: string; readonly format: number }): boolean =>
  row.format === rowFormat && kinds.has(row.kind)
