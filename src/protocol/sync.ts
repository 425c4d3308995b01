import { type Commit, isCommit } from '../core/commit.ts'
import { isDigest } from '../core/digest.ts'
import { isCount, isListOf, isRecord, isText } from '../core/guard.ts'

/** Version of the wire format. It stands in every request and answer, so that a captive portal is not taken for a server. */
export const syncProtocol = 1
/** Request and response header that carries {@link syncProtocol}. */
export const protocolHeader = 'tidelog-protocol'

/** A place in a log and the digest of all that lies up to it. */
export interface Seen {
  readonly position: number
  readonly digest: string
}

/** A run of pending commits in local order, rebased on `seen`. `POST {log}/push` */
export interface PushRequest {
  readonly protocol: typeof syncProtocol
  readonly seen: Seen
  readonly commits: readonly Commit[]
}

/** What the sequencer says of one commit of a run. */
export type Verdict =
  /** `position` is that of the commit's last event. */
  | { readonly id: string; readonly verdict: 'accepted' | 'duplicate'; readonly position: number }
  /** `positions`: the first events (at most 100) that its condition forbids. */
  | { readonly id: string; readonly verdict: 'conflict'; readonly positions: readonly number[] }
  /** Never to be had: invalid, forbidden or too large. Holds for this content only. */
  | { readonly id: string; readonly verdict: 'rejected'; readonly contentId: string; readonly problem: Problem }
  /** Behind one that was neither accepted nor a duplicate; not looked at. */
  | { readonly id: string; readonly verdict: 'held' }

/** A problem document of RFC 9457. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status?: number
  readonly detail?: string
}

/** Sequenced commits that follow `after` without a gap. `GET {log}/pull?position=…&digest=…[&commitsMax=…][&bytesMax=…]` */
export interface PullPage {
  readonly protocol: typeof syncProtocol
  readonly status: 'page'
  readonly after: Seen
  /** Without their conditions: the sequencer has checked them. */
  readonly commits: readonly Commit[]
  readonly through: Seen
  /** The log's last position when the page was made; beyond `through.position` when there is more to pull. */
  readonly head: number
}
/** The log at the server is not the one that the device has seen: it was restored, wiped or swapped. */
export interface Diverged {
  readonly protocol: typeof syncProtocol
  readonly status: 'diverged'
  readonly head: number
}
/** The device is too far behind for its conditions to be checked. */
export interface PullFirst {
  readonly protocol: typeof syncProtocol
  readonly status: 'pull-first'
  readonly head: number
}
/** One verdict for each commit of the run, in its order, and the log after `seen` (bounded). */
export interface PushVerdicts {
  readonly protocol: typeof syncProtocol
  readonly status: 'verdicts'
  readonly verdicts: readonly Verdict[]
  readonly page: PullPage
}
export type PullAnswer = PullPage | Diverged
export type PushAnswer = PushVerdicts | PullFirst | Diverged

/**
 * Events of the live stream, `GET {log}/live?position=…&digest=…`, as server-sent events named by `event:`.
 * `page` carries a {@link PullPage}; `head` says that there is more than the page that was sent; `diverged` and `stopped`
 * (both with a {@link LiveHead}) end the stream. Comments are heartbeats.
 */
export type LiveEventName = 'page' | 'head' | 'diverged' | 'stopped'
export interface LiveHead {
  readonly protocol: typeof syncProtocol
  readonly head: number
}

export const isSeen = (value: unknown): value is Seen =>
  isRecord(value) && isCount(value.position) && isDigest(value.digest)

/** The segments of a log, without a gap from position 1; what is behind the last one has to be pulled. `GET {log}/segments` */
export interface Manifest {
  readonly protocol: typeof syncProtocol
  readonly segments: readonly ListedSegment[]
}
/** A segment that never changes: its file is at `GET {log}/segments/{hash}`. */
export interface ListedSegment {
  readonly first: number
  readonly last: number
  /** Digest of the log up to `last`. */
  readonly digest: string
  /** SHA-256 of the file, as 64 hexadecimal digits. */
  readonly hash: string
  /** Length of the file. */
  readonly bytes: number
}

const isCurrent = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isRecord(value) && value.protocol === syncProtocol

export const isPullPage = (value: unknown): value is PullPage =>
  isCurrent(value) &&
  value.status === 'page' &&
  isSeen(value.after) &&
  isSeen(value.through) &&
  isCount(value.head) &&
  isListOf(value.commits, isCommit)

/** Guards the name of a segment's file. */
export const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

const isListedSegment = (value: unknown): value is ListedSegment =>
  isRecord(value) &&
  isCount(value.first, 1) &&
  isCount(value.last, value.first) &&
  isDigest(value.digest) &&
  isHash(value.hash) &&
  isCount(value.bytes, 1)

export const isManifest = (value: unknown): value is Manifest =>
  isCurrent(value) &&
  isListOf(value.segments, isListedSegment) &&
  value.segments.every(({ first }, at, all) => first === (all[at - 1]?.last ?? 0) + 1)

const isDiverged = (value: unknown): value is Diverged =>
  isCurrent(value) && value.status === 'diverged' && isCount(value.head)

export const isPullAnswer = (value: unknown): value is PullAnswer => isPullPage(value) || isDiverged(value)

const isProblem = (value: unknown): value is Problem =>
  isRecord(value) && typeof value.type === 'string' && typeof value.title === 'string'

const isPosition = (value: unknown): value is number => isCount(value, 1)

const isVerdict = (value: unknown): value is Verdict => {
  if (!isRecord(value) || !isText(value.id, 128)) return false
  switch (value.verdict) {
    case 'accepted':
    case 'duplicate':
      return isCount(value.position, 1)
    case 'conflict':
      return isListOf(value.positions, isPosition)
    case 'rejected':
      return isText(value.contentId, 128) && isProblem(value.problem)
    default:
      return value.verdict === 'held'
  }
}

export const isPushAnswer = (value: unknown): value is PushAnswer =>
  isDiverged(value) ||
  (isCurrent(value) && value.status === 'pull-first' && isCount(value.head)) ||
  (isCurrent(value) && value.status === 'verdicts' && isListOf(value.verdicts, isVerdict) && isPullPage(value.page))

export const isLiveHead = (value: unknown): value is LiveHead => isCurrent(value) && isCount(value.head)

/** Guards the outer shape only: each commit is judged on its own, so that one bad commit does not refuse the run. */
export const isPushEnvelope = (
  value: unknown,
): value is { readonly protocol: number; readonly seen: Seen; readonly commits: readonly unknown[] } =>
  isCurrent(value) && isSeen(value.seen) && Array.isArray(value.commits)
