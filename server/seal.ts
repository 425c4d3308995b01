import type { Commit } from '../src/core/commit.ts'
import type { Seen } from '../src/protocol/sync.ts'
import { hashOf, toFile } from '../src/segments/file.ts'
import { type PlacedCommit, packSegment } from '../src/segments/pack.ts'
import type { SyncLimits } from './options.ts'
import type { LogStore, SegmentStore } from './store.ts'
import { readStored } from './stored.ts'
import type { StreamVersions } from './stream-versions.ts'

/** What sealing needs. */
export interface SealContext {
  readonly store: LogStore
  readonly segments: SegmentStore
  readonly limits: SyncLimits
  readonly versions: StreamVersions
  /** Lets other work go first; throws when sealing is to stop. */
  readonly pause: () => Promise<void>
}

/** Where a log ends, and where it has to end before there is something to seal. */
export interface Prospect {
  readonly head: number
  readonly from: number
}

/** What is read of the store without a pause. */
const pageLimits = { commitsMax: 500, bytesMax: 500_000 }

/** Seals the next segment of a log, if it has grown enough. */
export async function sealNext(log: string, context: SealContext): Promise<Prospect> {
  const { store, segments, limits, versions } = context
  const { segmentEvents, segmentBehind } = limits
  const erased = await store.erasures?.through(log)
  const listed = await segments.list(log)
  const after = listed.at(-1)?.last ?? 0
  const head = (await store.head(log)).position
  if (head < after + segmentEvents + segmentBehind) return { head, from: after + segmentEvents + segmentBehind }
  const { commits, end } = await take(log, after, context)
  if (head < end.position + segmentBehind) return { head, from: end.position + segmentBehind }

  const counts = await versions(log, listed)
  const packed = await packSegment(commits, (stream) => counts.get(stream) ?? 0, context.pause)
  const directory = packed.directory.buckets()
  await context.pause()
  const file = await toFile(packed, end.digest, directory)
  await context.pause()
  const hash = await hashOf(file)
  const segment = { first: after + 1, last: end.position, digest: end.digest, hash, bytes: file.length }
  await context.pause()
  await segments.add(log, segment, file, erased)
  // Another process may have been first, with the same segment or with another one.
  const now = await segments.list(log)
  const last = now.at(-1)?.last ?? 0
  // Made from what was erased meanwhile: it is made once more.
  if (last <= after && erased !== (await store.erasures?.through(log))) return { head, from: head }
  if (last <= after) throw new Error('the store has not taken a segment that follows the last one')
  await versions(log, now, { hash, directory })
  return { head, from: last + segmentEvents + segmentBehind }
}

interface Taken {
  readonly commits: readonly PlacedCommit[]
  readonly end: Seen
}

/** The commits of the segment behind the position `after`. */
async function take(log: string, after: number, { store, limits, pause }: SealContext): Promise<Taken> {
  const commits: PlacedCommit[] = []
  let end: Seen = { position: after, digest: '' }
  let length = 0
  const isFull = (): boolean => end.position - after >= limits.segmentEvents || length >= limits.segmentTextMax
  while (!isFull()) {
    await pause()
    const page = await store.range(log, end.position, pageLimits)
    if (page.commits.length === 0) throw new Error(`the log has become shorter, it ends at ${page.head}`)
    for (const commit of page.commits) {
      if (isFull()) break
      commits.push({ commit: withoutWishes(readStored(commit)), first: commit.first, revision: 0 })
      end = { position: commit.last, digest: commit.digest }
      length += commit.text.length
    }
  }
  return { commits, end }
}

/** What matters only until a commit is confirmed; an older server may have stored it. */
const withoutWishes = ({ condition: _, command: __, attempt: ___, ...commit }: Commit): Commit => commit
