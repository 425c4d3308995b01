// A segment as a file: a line of JSON that says how long each piece is, then the directory and the parts, gzipped, one behind the
// other. Lengths are in bytes.
import { isDigest } from '../core/digest.ts'
import { mustBe } from '../core/errors.ts'
import { isCount, isListOf, isRecord } from '../core/guard.ts'
import { isDirectoryText } from './directory.ts'
import { type Bytes, gunzip, gzip } from './gzip.ts'
import type { PackedSegment } from './pack.ts'
import { bucketCount } from './terms.ts'

/** A segment as it travels between logs. */
export interface SegmentFile {
  readonly first: number
  readonly last: number
  /** Digest of the log up to `last`. */
  readonly digest: string
  /** One text for each bucket. */
  readonly directory: readonly string[]
  /** Gzipped texts. */
  readonly parts: readonly Bytes[]
}

/** A header is never longer: a file has no more parts than events. */
const headerBytesMax = 1_000_000

/** Version of the format of segment files. */
const fileFormat = 1

const lineFeed = 10

/** The file of a packed segment; `digest` is that of the log up to its end. */
export const toFile = (
  { first, last, parts, directory }: PackedSegment,
  digest: string,
  buckets: readonly string[] = directory.buckets(),
): Promise<Bytes> => packFile({ first, last, parts, digest, directory: buckets })

/** The file that {@link readFile} reads so. */
export async function packFile({ first, last, parts, digest, directory }: SegmentFile): Promise<Bytes> {
  const terms = await gzip(JSON.stringify(directory))
  const lengths = parts.map(({ length }) => length)
  const header: Header = { format: fileFormat, first, last, digest, directory: terms.length, parts: lengths }
  return concat([new TextEncoder().encode(`${JSON.stringify(header)}\n`), terms, ...parts])
}

/** Reads what {@link toFile} gave; nothing from any other bytes. The parts are not looked into. */
export async function readFile(bytes: Bytes): Promise<SegmentFile | undefined> {
  const header = parseHeader(bytes)
  if (header === undefined || lengthOf(header) !== bytes.length) return undefined
  const { first, last, digest } = header.fields
  let { end } = header
  const take = (length: number): Bytes => {
    end += length
    return bytes.slice(end - length, end)
  }
  const directory = await readDirectory(take(header.fields.directory))
  const parts = header.fields.parts.map(take)
  return directory && { first, last, digest, directory, parts }
}

async function readDirectory(bytes: Bytes): Promise<readonly string[] | undefined> {
  try {
    const buckets: unknown = JSON.parse(await gunzip(bytes))
    return isListOf(buckets, isDirectoryText) && buckets.length === bucketCount ? buckets : undefined
  } catch {
    return undefined
  }
}

/** Names a file: its SHA-256 as 64 hexadecimal digits. */
export async function hashOf(bytes: Bytes): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

interface Header {
  readonly format: typeof fileFormat
  readonly first: number
  readonly last: number
  readonly digest: string
  readonly directory: number
  readonly parts: readonly number[]
}

interface HeaderLine {
  readonly fields: Header
  /** Bytes of the line. */
  readonly end: number
}

/** Nothing where there is no header, or not all of it. */
function parseHeader(bytes: Bytes): HeaderLine | undefined {
  try {
    const end = bytes.indexOf(lineFeed) + 1
    const fields: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)))
    return isHeader(fields) ? { fields, end } : undefined
  } catch {
    return undefined
  }
}

const isHeader = (value: unknown): value is Header =>
  isRecord(value) &&
  value.format === fileFormat &&
  isCount(value.first, 1) &&
  isCount(value.last, value.first) &&
  isDigest(value.digest) &&
  isLength(value.directory) &&
  isListOf(value.parts, isLength) &&
  value.parts.length > 0

const isLength = (value: unknown): value is number => isCount(value)

/** Length of a file in bytes. */
const lengthOf = ({ fields, end }: HeaderLine): number =>
  fields.parts.reduce((sum, length) => sum + length, end + fields.directory)

function concat(pieces: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Takes segment files that follow each other out of bytes that come in pieces. Throws when they are anything else. */
export class FileSplitter {
  #pieces: Uint8Array[] = []
  /** Bytes in all pieces. */
  #size = 0
  /** Length of the file at the beginning; unknown until its header is there. */
  #length: number | undefined;

  /** The files that are whole now, each in a buffer of its own. */
  *take(piece: Uint8Array): Generator<Bytes> {
    this.#pieces.push(piece)
    this.#size += piece.length
    for (;;) {
      this.#length ??= this.#lengthOf()
      if (this.#length === undefined || this.#size < this.#length) return
      const bytes = this.#joined()
      yield bytes.slice(0, this.#length)
      this.#pieces = [bytes.subarray(this.#length)]
      this.#size -= this.#length
      this.#length = undefined
    }
  }

  /** Whether the bytes ended with a file. */
  get isAtEnd(): boolean {
    return this.#size === 0
  }

  /** Rarely asked for: to join is to copy. */
  #joined(): Bytes {
    const bytes = concat(this.#pieces)
    this.#pieces = [bytes]
    return bytes
  }

  #lengthOf(): number | undefined {
    const hasHeader = this.#pieces.some((piece) => piece.includes(lineFeed))
    if (!hasHeader && this.#size < headerBytesMax) return undefined
    const bytes = this.#joined()
    const header = parseHeader(bytes)
    mustBe(header !== undefined, 'a segment file', new TextDecoder().decode(bytes.subarray(0, 40)))
    return lengthOf(header)
  }
}
