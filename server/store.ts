import type { ListedSegment, Seen } from '../src/protocol/sync.ts'

/** A commit in its place in a log. */
export interface SequencedCommit {
  /** Position of its first event. */
  readonly first: number
  /** Position of its last event. */
  readonly last: number
  /** Digest of the log up to and including this commit. */
  readonly digest: string
  readonly id: string
  readonly contentId: string
  /** The commit as JSON text without its condition: what is stored is sent again as it is, never parsed to be pulled. */
  readonly text: string
}

/** Bounds of one read; the first commit is given even when it alone is larger. */
export interface RangeLimits {
  readonly commitsMax: number
  /** UTF-8 bytes of all texts together. */
  readonly bytesMax: number
}

/**
 * Where the sequencer keeps its logs. The commit is the atom, so this is all a store has to do; `storeContract` tells
 * whether it does it. A log that nobody has written to is empty, at position 0.
 */
export interface LogStore {
  /**
   * Compare-and-append: takes a prefix of `commits`, each commit whole, when the log still ends at `expectedHead`, and
   * nothing otherwise. Resolves when what was taken is durable.
   */
  append(
    log: string,
    expectedHead: number,
    commits: readonly SequencedCommit[],
  ): Promise<{ readonly taken: number; readonly head: number }>
  /** The commits that follow the position `after`, in order, and the log's last position, which is never before them. */
  range(
    log: string,
    after: number,
    limits: RangeLimits,
  ): Promise<{ readonly commits: readonly SequencedCommit[]; readonly head: number }>
  /** The end of the log. */
  head(log: string): Promise<Seen>
  /** The digest of the log up to `position`; `undefined` when no commit ends there. */
  digestAt(log: string, position: number): Promise<string | undefined>
  /** Calls back, soon after each change of the log's end, also when another process wrote; the result stops it. */
  watch(log: string, listener: (head: number) => void): () => void
  /** Where the old part of a log is kept once more, ready to be downloaded. Without it, all of a log has to be pulled. */
  readonly segments?: SegmentStore
  /** What erasures need. Without it, data that was erased on the devices stays here. */
  readonly erasures?: ErasureStore
  close(): Promise<void>
}

/** Puts what is left after an erasure in the place of what was. Nothing else of a log ever changes. */
export interface ErasureStore {
  /** Erasures in the log up to this position are carried out. */
  through(log: string): Promise<number>
  /**
   * Puts texts in the place of those of commits, by their last positions, and files in the place of segments, by their hashes, all
   * or nothing, and keeps `through`, which never goes back. The old hashes are gone for good. False, with nothing changed, where
   * any of it is not what it `was`: another process may erase in the same log.
   */
  put(log: string, erased: Erased): Promise<boolean>
}
export interface Erased {
  readonly through: number
  /** Where the last segment has to end; one that was added behind it may hold what is erased. */
  readonly sealed?: number
  readonly commits: readonly (Pick<SequencedCommit, 'last' | 'text'> & { readonly was: string })[]
  readonly segments: readonly {
    readonly was: string
    readonly segment: ListedSegment
    readonly file: Uint8Array<ArrayBuffer>
  }[]
}

/** The sealed segments of the logs of one store. What is in it only changes by an erasure. */
export interface SegmentStore {
  /** In the order of the log, without a gap from position 1. */
  list(log: string): Promise<readonly ListedSegment[]>
  /** The file as it was added; `gone` where an erasure has put another one in its place. */
  get(log: string, hash: string): Promise<Uint8Array<ArrayBuffer> | 'gone' | undefined>
  /**
   * Adds a file. One that does not follow the last one listed is left out without a word: another process has
   * sealed the same range; so is one that was made before the erasures of the log up to `erased` were carried out. Resolves
   * when it is durable.
   */
  add(log: string, segment: ListedSegment, file: Uint8Array<ArrayBuffer>, erased?: number): Promise<void>
}
