import { isCount, isRecord } from '../core/guard.ts'
import type { LogRow, WriteRow } from './rows.ts'

/** Version of the notices; the channel's name holds it, so that tabs of two versions don't misread each other. */
export const noticeVersion = 1
export const channelName = (database: string): string => `tidelog/v${noticeVersion}/${database}`

/** "The log moved." A shortcut, never the truth: a reader that is not at `previous` reads what it misses. */
export interface MovedNotice {
  readonly v: typeof noticeVersion
  readonly kind: 'moved'
  /** Id of the database: a tab without storage has one of its own. */
  readonly database: string
  readonly previous: number
  readonly head: number
  /** Revision of the last write that was no append: before it the dead letters are the same. -1: look in any case. */
  readonly reordered: number
  /** Last confirmed position and number of pending commits at `head`. */
  readonly confirmed: number
  readonly pending: number
  /** The row itself when it is small, with the confirmed commits it brought. */
  readonly row?: WriteRow
  readonly log?: readonly LogRow[]
}
/** A writer lost a race; for a moment everybody takes turns. */
export interface ContendedNotice {
  readonly v: typeof noticeVersion
  readonly kind: 'contended'
}
/** How sync is going, from the one worker that syncs. */
export interface SyncNotice {
  readonly v: typeof noticeVersion
  readonly kind: 'sync'
  readonly database: string
  readonly link: SyncLink
}
/** Asks the worker that syncs for a {@link SyncNotice}, or hands it what it needs. */
export interface SyncRequest {
  readonly v: typeof noticeVersion
  readonly kind: 'sync-request'
  readonly database: string
  /** Absent: only tell how it is going. */
  readonly wish?: SyncWish
  readonly credentials?: Readonly<Record<string, string>>
}
/** The user signs out: every tab lets the log go. */
export interface LeaveNotice {
  readonly v: typeof noticeVersion
  readonly kind: 'leave'
  readonly database: string
}
/** `now` try at once · `awake` a page is looked at again: try, unless the server said when to come back. */
export type SyncWish = 'now' | 'awake' | 'pause' | 'resume'
export type Notice = MovedNotice | ContendedNotice | SyncNotice | SyncRequest | LeaveNotice

/** What the syncing worker knows of the server. */
export interface SyncLink {
  readonly state: SyncState
  /** Last position pushed and taken by the server, as far as is known; 0 at first. */
  readonly sent: number
  /** Last position the server is known to have. */
  readonly serverHead: number
  /** Tries that failed in a row; 0 once one succeeds. */
  readonly failures: number
  readonly lastError?: { readonly type: string; readonly message: string }
  /** Milliseconds since 1970 of the next try, while waiting. */
  readonly retryAt?: number
  /** Milliseconds since 1970 of the last well-formed answer. */
  readonly lastAnswerAt?: number
}
/**
 * `off` no endpoint · `starting` · `live` connected · `working` pulling or pushing · `waiting` for the next try ·
 * `paused` by the app · `needs-credentials` · `blocked` a pending commit can't be decided again in this worker, and
 * nothing is pushed; `lastError` says why · `forbidden` the server refuses this log to this user, or has it no more ·
 * `client-too-old` the server wants a newer app · `stopped` the server refuses the request otherwise, or a newer app wrote to
 * the database · `diverged` the server's log is another one · `needs-attach` the log was its own sequencer so far.
 */
export type SyncState =
  | 'off'
  | 'starting'
  | 'live'
  | 'working'
  | 'waiting'
  | 'paused'
  | 'needs-credentials'
  | 'blocked'
  | 'forbidden'
  | 'client-too-old'
  | 'stopped'
  | 'diverged'
  | 'needs-attach'

/** Guards a message from a channel. */
export function isNotice(value: unknown): value is Notice {
  if (!isRecord(value) || value.v !== noticeVersion) return false
  const { kind, previous, head, confirmed, pending } = value
  if (kind === 'moved') return [previous, head, confirmed, pending].every((count) => isCount(count))
  return kind === 'sync' ? isRecord(value.link) : kind === 'contended' || kind === 'sync-request' || kind === 'leave'
}
