import { bug } from '../src/core/errors.ts'
import { isCount, isRecord } from '../src/core/guard.ts'
import type { ListedSegment } from '../src/protocol/sync.ts'
import type { LogPlace } from './nats-client.ts'
import { packed, unpack } from './nats-run.ts'
import type { Streams } from './nats-streams.ts'

/** A run that stands in the place of one that was erased, or of several. */
export interface KeptRun {
  readonly first: number
  readonly last: number
  /** Behind which message of the log those that follow are. */
  readonly behind: number
  /** The name and the sequence of the message that it is now. */
  readonly name: string
  readonly seq: number
}
export interface KeptSegment {
  readonly segment: ListedSegment
  readonly file: KeptFile
}
export interface KeptFile {
  readonly name: string
  /** The messages that it is cut into, in order. */
  readonly parts: readonly number[]
}

/**
 * All of a log that changes otherwise than by growing, in one message, so that what an erasure changes is changed at once. The
 * last one counts.
 */
export interface LogRecord {
  /** Its own sequence; 0 where there is none yet. */
  readonly seq: number
  readonly through: number
  readonly segments: readonly KeptSegment[]
  /** Hashes of files that were erased. */
  readonly gone: readonly string[]
  readonly kept: readonly KeptRun[]
  /** Messages that are still to be erased. */
  readonly erasing: readonly number[]
}

const empty: LogRecord = { seq: 0, through: 0, segments: [], gone: [], kept: [], erasing: [] }

export async function readRecord(streams: Streams, place: LogPlace): Promise<LogRecord> {
  const message = await streams.get(place.stream, { last_by_subj: place.record })
  if (message === undefined) return empty
  const value: unknown = JSON.parse((await unpack(message.data)).toString())
  return isStored(value) ? { ...value, seq: message.seq } : bug(`the record of ${place.record} can not be read`)
}

export const writeRecord = (record: LogRecord, bytesMax: number): Promise<Uint8Array> =>
  packed(Buffer.from(JSON.stringify({ ...record, seq: undefined })), bytesMax)

const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every((one) => isCount(one))

const isStored = (value: unknown): value is Omit<LogRecord, 'seq'> =>
  isRecord(value) &&
  isCount(value.through) &&
  Array.isArray(value.gone) &&
  value.gone.every((hash) => typeof hash === 'string') &&
  Array.isArray(value.segments) &&
  value.segments.every((one) => isRecord(one) && isFile(one.file) && isListed(one.segment)) &&
  Array.isArray(value.kept) &&
  value.kept.every((run) => isRecord(run) && isKept(run)) &&
  isCounts(value.erasing)

const isFile = (value: unknown): value is KeptFile =>
  isRecord(value) && typeof value.name === 'string' && isCounts(value.parts)

const isKept = ({ first, last, behind, name, seq }: Readonly<Record<string, unknown>>): boolean =>
  isCounts([first, last, behind, seq]) && typeof name === 'string'

const isListed = (value: unknown): value is ListedSegment =>
  isRecord(value) &&
  isCounts([value.first, value.last, value.bytes]) &&
  typeof value.digest === 'string' &&
  typeof value.hash === 'string'

/** The run that is kept of a position. */
export function keptAt(kept: readonly KeptRun[], position: number): KeptRun | undefined {
  let low = 0
  let high = kept.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((kept[middle]?.last ?? 0) < position) low = middle + 1
    else high = middle
  }
  const run = kept[low]
  return run !== undefined && run.first <= position ? run : undefined
}
