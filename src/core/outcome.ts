/** One thing that is wrong with data, and where. */
export interface Issue {
  /** Such as `events[2].data.price`. */
  readonly path: string
  readonly message: string
}
/** All of them in a line. */
export const issuesToText = (issues: readonly Issue[]): string =>
  issues.map(({ path, message }) => `${path}: ${message}`).join(', ')

/** A place in the reading of one database: opaque, taken as `after` by a condition. */
export interface Marker {
  readonly database: string
  readonly revision: number
  readonly confirmed: number
}

declare const later$: unique symbol

/** Proof that a commit rests on this device; plain data, so it can be kept. */
export interface Receipt<R = never> {
  readonly commitId: string
  readonly head: Marker
  /** The version of the last event written to each stream; provisional while the commit is pending. */
  readonly versions: Readonly<Record<string, number>>
  /** False when this browser gives no storage: the commit lives as long as this tab's worker. */
  readonly durable: boolean
  readonly [later$]?: R
}

export interface Ok<R, F = unknown> {
  readonly ok: true
  readonly receipt: Receipt<R>
  /** The events as recorded, deeply frozen. */
  readonly events: readonly F[]
}
export interface Not<R> {
  readonly ok: false
  readonly reason: R
}
export type Outcome<F, R> = Ok<never, F> | Not<R>

/** The stream was not at the version that the caller expected. */
export interface VersionConflict {
  readonly type: 'VersionConflict'
  readonly stream: string
  readonly expected: number | 'exists'
  readonly actual: number
  readonly message: string
}
/** Events that the condition forbids are in the log. */
export interface ConditionConflict<E> {
  readonly type: 'ConditionConflict'
  /** The first of them, in log order; empty when the match was taken out of the log again. */
  readonly events: readonly E[]
  readonly message: string
}
/** The data is not what the schema, or JSON, allows. Nothing was written. */
export interface Invalid {
  readonly type: 'Invalid'
  readonly issues: readonly Issue[]
  readonly message: string
}
/** The commit is larger than every store takes. Nothing was written. */
export interface TooLarge {
  readonly type: 'TooLarge'
  readonly what: 'bytes' | 'events'
  readonly max: number
  readonly message: string
}
export interface StreamClosed {
  readonly type: 'StreamClosed'
  readonly stream: string
  readonly message: string
}
/** The disk or the quota is full. Nothing was written; the same append works when there is room again. */
export interface StorageFull {
  readonly type: 'StorageFull'
  readonly message: string
}
/** This browser gives no storage and the log was opened with `requireDurable` (the default). */
export interface StorageUnavailable {
  readonly type: 'StorageUnavailable'
  readonly message: string
}
/** The commit id is known here with other content. */
export interface IdTaken {
  readonly type: 'IdTaken'
  readonly commitId: string
  readonly message: string
}
/**
 * Only a newer version of the app can go on: it wrote to this database, or a decision would have to look at an event of
 * a type that is not known here.
 */
export interface UpdateNeeded {
  readonly type: 'UpdateNeeded'
  /** The unknown type of event, where there is one. */
  readonly eventType?: string
  readonly message: string
}
export type AppendRefused =
  | Invalid
  | TooLarge
  | StreamClosed
  | StorageFull
  | StorageUnavailable
  | IdTaken
  | UpdateNeeded

/** What became of a withdrawal. */
export type Withdrawal =
  /** The commit is out. When it may have been sent before, the server may have it: then it is confirmed nevertheless. */
  | { readonly ok: true; readonly sent: boolean }
  /** It had ended before. */
  | Not<{ readonly type: 'Confirmed'; readonly position: number } | { readonly type: 'NotPending' }>
