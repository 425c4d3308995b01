import { messageOf } from '../core/errors.ts'
import type { SyncState } from '../protocol/notice.ts'

/**
 * What a failed exchange with the server asks for: the state that sync is in after it, or less to be sent at once (413).
 * A verdict is never a failure, and a failure never a verdict.
 * `waiting` network, time-out, 5xx, 429, or an answer that is not one of ours: try again later, for ever ·
 * `needs-credentials` 401 · `forbidden` 403, 410 · `client-too-old` 426 · `stopped` the server itself refuses this · `diverged` · `blocked` the
 * server answers, but this worker can't decide a pending commit again.
 */
export type FailureKind =
  | 'too-large'
  | Extract<
      SyncState,
      'waiting' | 'needs-credentials' | 'forbidden' | 'client-too-old' | 'stopped' | 'diverged' | 'blocked'
    >

export class SyncFailure extends Error {
  readonly kind: FailureKind
  /** A stable word for the app: `network`, `timeout`, `http-503`, `not-a-tidelog-answer` … */
  readonly type: string
  readonly retryAfterMs: number | undefined
  constructor(kind: FailureKind, type: string, message: string = type, retryAfterMs?: number) {
    super(message)
    this.kind = kind
    this.type = type
    this.retryAfterMs = retryAfterMs
  }
}

/** Any error as a failure: what is not known is worth another try. */
export const toFailure = (error: unknown): SyncFailure =>
  error instanceof SyncFailure ? error : new SyncFailure('waiting', 'network', messageOf(error))

/** Statuses by which our own server ends a conversation. Behind a captive portal they say nothing about the log. */
const ending: Readonly<Record<number, FailureKind>> = {
  400: 'stopped',
  403: 'forbidden',
  404: 'stopped',
  405: 'stopped',
  410: 'forbidden',
  415: 'stopped',
  426: 'client-too-old',
}
/** A commit that is too large alone stays so until the server is set up anew. */
const tooLargeMs = 60_000

/** Classifies an answer that is not a success, by its status and whether the server speaks the protocol. */
export function failureOfStatus(status: number, isOurs: boolean, title: string, retryAfterMs?: number): SyncFailure {
  const type = `http-${status}`
  if (status === 401) return new SyncFailure('needs-credentials', type, title)
  if (status === 413) return new SyncFailure('too-large', type, title, retryAfterMs ?? tooLargeMs)
  const end = ending[status]
  if (isOurs && end !== undefined) return new SyncFailure(end, type, title)
  return new SyncFailure('waiting', type, title, retryAfterMs)
}
