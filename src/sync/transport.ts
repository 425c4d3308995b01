import type { PullAnswer, PullPage, PushAnswer, PushRequest, Seen } from '../protocol/sync.ts'

/** What comes over the live stream: the head of the log and what follows, or an empty one, a sign of life without news. */
export interface LiveMessage {
  readonly head?: number
  readonly page?: PullPage
}

/** The only way to a server. Every call rejects with a `SyncFailure`. */
export interface Transport {
  /** With `waitMs` a server that has nothing new holds its answer back for so long, if it can. */
  pull(seen: Seen, signal: AbortSignal, waitMs?: number): Promise<PullAnswer>
  push(request: PushRequest, signal: AbortSignal): Promise<PushAnswer>
  /** Follows the log until the stream ends, or rejects when it breaks. */
  live(seen: Seen, onMessage: (message: LiveMessage) => void, signal: AbortSignal): Promise<void>
}
