import type { ListedSegment } from '../src/protocol/sync.ts'
import { streamVersions } from '../src/segments/directory.ts'
import { readFileText } from '../src/segments/file.ts'
import { inflate } from './gzip.ts'
import type { SegmentStore } from './store.ts'

/** How many events each stream of a log has in its segments. */
export type StreamVersions = (
  log: string,
  listed: readonly ListedSegment[],
  atHand?: FileAtHand,
) => Promise<ReadonlyMap<string, number>>

/** A segment file that is at hand. */
export interface FileAtHand {
  readonly hash: string
  readonly text: string
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
      const text = atHand?.hash === hash ? atHand.text : await readText(segments, log, hash)
      for (const [stream, version] of versionsOf(text, hash)) counted.versions.set(stream, version)
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

async function readText(segments: SegmentStore, log: string, hash: string): Promise<string> {
  const gzipped = await segments.get(log, hash)
  if (gzipped === undefined) throw new Error(`the segment ${hash} is listed and is not there`)
  return new Response(inflate(gzipped)).text()
}

function* versionsOf(text: string, hash: string): Generator<readonly [stream: string, version: number]> {
  const file = readFileText(text)
  if (file === undefined) throw new Error(`the segment ${hash} can't be read`)
  for (const bucket of file.directory) yield* streamVersions(bucket)
}
