import { randomBytes } from 'node:crypto'
import { bug } from '../src/core/errors.ts'
import type { LogPlace } from './nats-client.ts'
import type { Lanes } from './nats-lane.ts'
import { type KeptFile, type LogRecord, readRecord, writeRecord } from './nats-record.ts'
import type { Streams } from './nats-streams.ts'
import { isNextSegment } from './sequence.ts'
import type { SegmentStore } from './store.ts'

export interface Files {
  readonly streams: Streams
  readonly lanes: Lanes
}

/** The file of a segment is cut into messages of this size. */
const partBytes = 500_000

/** Segments beside the logs. Their files are messages of their own; which of them count is told by the log's record. */
export function natsSegments(files: Files): SegmentStore {
  const { streams } = files
  return {
    async list(log) {
      const { segments } = await readRecord(streams, await streams.placeOf(log))
      return segments.map(({ segment }) => segment)
    },
    async get(log, hash) {
      const place = await streams.placeOf(log)
      for (let seen: number | undefined; ; ) {
        const { seq, segments, gone } = await readRecord(streams, place)
        const found = segments.find(({ segment }) => segment.hash === hash)
        if (found === undefined) return gone.includes(hash) ? 'gone' : undefined
        const file = await readFile(streams, place, found.file.parts)
        if (file !== undefined) return file
        // It was erased meanwhile, and the record says so now.
        if (seq === seen) bug(`a file of ${place.files} is not there`)
        seen = seq
      }
    },
    async add(log, segment, file, erased) {
      const place = await streams.placeOf(log)
      for (;;) {
        const record = await readRecord(streams, place)
        const { through, segments } = record
        if ((erased ?? through) !== through || !isNextSegment(segment, segments.at(-1)?.segment)) return
        const written = await writeFile(streams, place, file)
        if (await putRecord(files, place, { ...record, segments: [...segments, { segment, file: written }] })) return
        // Written once more for the next try: an erasure takes away what is older than the record and not in it.
        await discard(streams, place, written.parts)
      }
    },
  }
}

/** Puts the record in the place of the one that it was made from; false where that is not the last one any more. */
export async function putRecord({ streams, lanes }: Files, place: LogPlace, record: LogRecord): Promise<boolean> {
  const data = await writeRecord(record, await streams.bytesMax())
  if ((await lanes.put(place, place.record, record.seq, data)) === undefined) return false
  // Nobody looks at the old one any more.
  if (record.seq > 0) await streams.erase(place.stream, record.seq).catch(() => {})
  return true
}

/** Writes a file in messages that nobody sees until the record names them. */
export async function writeFile(streams: Streams, place: LogPlace, file: Uint8Array): Promise<KeptFile> {
  const name = newName()
  const parts: number[] = []
  try {
    for (let at = 0; at === 0 || at < file.length; at += partBytes)
      parts.push(
        await streams.publish(place, `${place.files}.${name}.${parts.length}`, file.subarray(at, at + partBytes)),
      )
  } catch (error) {
    await discard(streams, place, parts)
    throw error
  }
  return { name, parts }
}

/** Takes away what no record names. What is left of it is found by the next erasure. */
export async function discard({ erase }: Streams, { stream }: LogPlace, seqs: readonly number[]): Promise<void> {
  await Promise.all(seqs.map((seq) => erase(stream, seq))).catch(() => {})
}

export const newName = (): string => randomBytes(12).toString('base64url')

async function readFile(
  streams: Streams,
  { stream }: LogPlace,
  parts: readonly number[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const read: Uint8Array[] = []
  for (const seq of parts) {
    const message = await streams.get(stream, { seq })
    if (message === undefined) return undefined
    read.push(message.data)
  }
  return new Uint8Array(Buffer.concat(read))
}
