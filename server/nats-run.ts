import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { bug } from '../src/core/errors.ts'
import { isCount, isRecord } from '../src/core/guard.ts'
import { NatsStoreError } from './nats-error.ts'
import type { SequencedCommit } from './store.ts'

/** A message of a log: commits that follow one another, with their places, and where the log ends with them. */
export interface Run {
  /** Position of its first event. One more than `last` in a message that has no commits. */
  readonly first: number
  readonly last: number
  readonly digest: string
  readonly commits: readonly SequencedCommit[]
}

/** What JetStream takes at least in one message by default; a commit has to fit, and what is said beside it. */
export const payloadBytesMin = 1_048_576
/** Room for the headers of a message. */
const headersBytesMax = 1_000
/** Larger messages hold up those behind them, and the last one is read to know how the log ends. */
const runBytesMax = 128_000
/** A message of more is packed, if it does not fit otherwise. */
const gzipMagic = 0x1f

/** How many commits the next message takes. */
export function nextRun(commits: readonly SequencedCommit[]): readonly SequencedCommit[] {
  let bytes = 0
  let count = 0
  for (const { text, id, contentId } of commits) {
    bytes += Buffer.byteLength(text) + (id.length + contentId.length) * 3 + 100
    if (count > 0 && bytes > runBytesMax) break
    count++
  }
  return commits.slice(0, count)
}

export const runOf = (commits: readonly SequencedCommit[], end: Pick<Run, 'last' | 'digest'>): Run => ({
  first: commits[0]?.first ?? end.last + 1,
  last: end.last,
  digest: end.digest,
  commits,
})

/** No two are alike, also of the same commits, so that a writer knows its own. */
export async function writeRun({ first, last, digest, commits }: Run, bytesMax: number): Promise<Uint8Array> {
  const places = commits.map((commit) => [
    commit.first,
    commit.last,
    commit.digest,
    commit.id,
    commit.contentId,
    Buffer.byteLength(commit.text),
  ])
  const start = { first, last, digest, commits: places, mark: randomBytes(12).toString('base64url') }
  return packed(Buffer.from(`${JSON.stringify(start)}\n${commits.map(({ text }) => text).join('')}`), bytesMax)
}

export async function readRun(message: Uint8Array): Promise<Run> {
  const bytes = await unpack(message)
  const end = bytes.indexOf(10)
  const start: unknown = JSON.parse(bytes.toString('utf8', 0, end))
  if (!isRecord(start) || !Array.isArray(start.commits)) return bug('a message in a log can not be read')
  let at = end + 1
  const commits = start.commits.map((place: unknown): SequencedCommit => {
    if (!isPlace(place)) return bug('a message in a log can not be read')
    const [first, last, digest, id, contentId, length] = place
    const text = bytes.toString('utf8', at, at + length)
    at += length
    return { first, last, digest, id, contentId, text }
  })
  const { first, last, digest } = start
  if (!isCount(first) || !isCount(last) || typeof digest !== 'string' || at !== bytes.length)
    return bug('a message in a log can not be read')
  return { first, last, digest, commits }
}

type Place = readonly [first: number, last: number, digest: string, id: string, contentId: string, bytes: number]
const isPlace = (value: unknown): value is Place =>
  Array.isArray(value) &&
  [0, 1, 5].every((at) => isCount(value[at])) &&
  [2, 3, 4].every((at) => typeof value[at] === 'string')

/** The message as the servers take it. */
export async function packed(bytes: Buffer, bytesMax: number): Promise<Uint8Array> {
  const room = bytesMax - headersBytesMax
  if (bytes.length <= room) return bytes
  const gzipped = await promisify(gzip)(bytes)
  if (gzipped.length <= room) return gzipped
  throw new NatsStoreError('nats/full', `a message of ${gzipped.length} bytes is more than max_payload, ${bytesMax}`)
}

export async function unpack(message: Uint8Array): Promise<Buffer> {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  return bytes[0] === gzipMagic ? promisify(gunzip)(bytes) : bytes
}
