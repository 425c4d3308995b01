import type { PullAnswer, PullPage, PushAnswer, PushRequest, Seen } from '../protocol/sync.ts'

/** What comes over the live stream. `alive` is a sign of life without news. */
export type LiveMessage =
  | { readonly kind: 'page'; readonly page: PullPage }
  | { readonly kind: 'head'; readonly head: number }
  | { readonly kind: 'alive' }

/** The only way to a server. Every call rejects with a `SyncFailure`. */
export interface Transport {
  pull(seen: Seen, signal: AbortSignal): Promise<PullAnswer>
  push(request: PushRequest, signal: AbortSignal): Promise<PushAnswer>
  /** Follows the log until the stream ends, or rejects when it breaks. */
  live(seen: Seen, onMessage: (message: LiveMessage) => void, signal: AbortSignal): Promise<void>
}
