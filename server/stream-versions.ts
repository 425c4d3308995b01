import type { ListedSegment } from '../src/protocol/sync.ts'
import { streamVersions } from '../src/segments/directory.ts'
import { readFile } from '../src/segments/file.ts'
import type { SegmentStore } from './store.ts'

/** How many events each stream of a log has in its segments. */
export type StreamVersions = (
  log: string,
  listed: readonly ListedSegment[],
  atHand?: FileAtHand,
) => Promise<ReadonlyMap<string, number>>

/** A segment whose file need not be read. */
export interface FileAtHand {
  readonly hash: string
  readonly directory: readonly string[]
}

interface Counted {
  /** Segments that were counted, and the hash of the last of them. */
  count: number
  hash: string | undefined
  readonly versions: Map<string, number>
}

/** Streams that are remembered, of all logs together; one log alone may have more. */
const rememberedMax = 1_000_000

/**
 * Knows how far the streams of a log have come in its segments. The directories of the segments tell, also those that
 * another process has made or that were there before a restart; each is read once, as long as its log is remembered.
 */
export function createStreamVersions(
  segments: SegmentStore,
  pause: () => Promise<void>,
  streamsMax: number = rememberedMax,
): StreamVersions {
  /** Least recently used first. */
  const logs = new Map<string, Counted>()
  return async (log, listed, atHand) => {
    const known = logs.get(log)
    const isOfThisLog = known !== undefined && listed[known.count - 1]?.hash === known.hash
    const counted: Counted = isOfThisLog ? known : { count: 0, hash: undefined, versions: new Map() }
    logs.delete(log)
    for (const { hash } of listed.slice(counted.count)) {
      await pause()
      const directory = atHand?.hash === hash ? atHand.directory : await readDirectory(segments, log, hash)
      for (const bucket of directory)
        for (const [stream, version] of streamVersions(bucket)) counted.versions.set(stream, version)
      counted.count++
      counted.hash = hash
    }
    logs.set(log, counted)
    forget(logs, streamsMax)
    return counted.versions
  }
}

function forget(logs: Map<string, Counted>, streamsMax: number): void {
  // A log counts as a stream more, so that their number is bounded too.
  let streams = logs.size
  for (const { versions } of logs.values()) streams += versions.size
  for (const [log, { versions }] of logs) {
    if (streams <= streamsMax || logs.size === 1) return
    logs.delete(log)
    streams -= versions.size + 1
  }
}

async function readDirectory(segments: SegmentStore, log: string, hash: string): Promise<readonly string[]> {
  const bytes = await segments.get(log, hash)
  if (!(bytes instanceof Uint8Array)) throw new Error(`the segment ${hash} is listed and is not there`)
  const file = await readFile(bytes)
  if (file === undefined) throw new Error(`the segment ${hash} can't be read`)
  return file.directory
}
