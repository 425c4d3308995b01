/** What a failed exchange with the server asks for. A verdict is never a failure, and a failure never a verdict. */
export type FailureKind =
  /** Network, time-out, 5xx, 429, or an answer that is not one of ours: try again later, for ever. */
  | 'retry'
  /** 401: the app has to give fresh credentials. */
  | 'credentials'
  /** 413: send less at once. */
  | 'too-large'
  /** The server itself refuses this log or this version: nothing to be had by trying again. */
  | 'stop'
  | 'diverged'

export class SyncFailure extends Error {
  readonly kind: FailureKind
  /** A stable word for the app: `network`, `timeout`, `http-503`, `not-a-tidelog-answer` … */
  readonly type: string
  readonly retryAfterMs: number | undefined
  constructor(kind: FailureKind, type: string, message: string = type, retryAfterMs?: number) {
    super(message)
    this.name = 'SyncFailure'
    this.kind = kind
    this.type = type
    this.retryAfterMs = retryAfterMs
  }
}

/** Any error as a failure: what is not known is worth another try. */
export const toFailure = (error: unknown): SyncFailure =>
  error instanceof SyncFailure
    ? error
    : new SyncFailure('retry', 'network', error instanceof Error ? error.message : String(error))

/** Statuses by which our own server ends a conversation. Behind a captive portal they say nothing about the log. */
const ending: ReadonlySet<number> = new Set([400, 403, 404, 405, 410, 415, 426])

/** Classifies an answer that is not a success, by its status and whether the server speaks the protocol. */
export function failureOfStatus(status: number, isOurs: boolean, title: string, retryAfterMs?: number): SyncFailure {
  const type = `http-${status}`
  if (status === 401) return new SyncFailure('credentials', type, title)
  if (status === 413) return new SyncFailure('too-large', type, title)
  if (isOurs && ending.has(status)) return new SyncFailure('stop', type, title)
  return new SyncFailure('retry', type, title, retryAfterMs)
}
