import type { ListedSegment, PullAnswer, PullPage, PushAnswer, PushRequest, Seen } from '../protocol/sync.ts'
import type { SegmentFile } from '../segments/file.ts'

/** What comes over the live stream: the head of the log and what follows, or an empty one, a sign of life without news. */
export interface LiveMessage {
  readonly head?: number
  readonly page?: PullPage
}

/** The only way to a server. Every call rejects with a `SyncFailure`. */
export interface Transport {
  /** With `waitMs` a server that has nothing new holds its answer back for so long, if it can. */
  pull(seen: Seen, signal: AbortSignal, waitMs?: number): Promise<PullAnswer>
  /** The segments of the log at the server; none where it has no such list. */
  segments(signal: AbortSignal): Promise<readonly ListedSegment[]>
  /** The file of a segment; nothing when the server has it no more, or gave another one. */
  segment(listed: ListedSegment, signal: AbortSignal): Promise<SegmentFile | undefined>
  push(request: PushRequest, signal: AbortSignal): Promise<PushAnswer>
  /** Follows the log until the stream ends, or rejects when it breaks. */
  live(seen: Seen, onMessage: (message: LiveMessage) => void, signal: AbortSignal): Promise<void>
}
