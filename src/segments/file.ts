// Text of a segment as a file: a line of JSON that says how long each piece is, then the pieces of the directory and the parts,
// one behind the other. Lengths are in UTF-16 units, as `String.length` counts them.
import { isDigest } from '../core/digest.ts'
import { mustBe } from '../core/errors.ts'
import { isCount, isListOf, isRecord } from '../core/guard.ts'
import type { Segment } from './pack.ts'
import { bucketCount } from './terms.ts'

/** A segment as it travels between logs. */
export interface SegmentFile {
  readonly first: number
  readonly last: number
  /** Digest of the log up to `last`. */
  readonly digest: string
  /** One text for each bucket. */
  readonly directory: readonly string[]
  readonly parts: readonly string[]
}

/** A header is never longer: a file has no more parts than events. */
const headerTextMax = 1_000_000

/** Version of the format of segment files. */
const fileFormat = 1

/** The text of a packed segment; `digest` is that of the log up to its end. */
export function toFileText({ first, last, parts, directory }: Segment, digest: string): string {
  const pieces = directory.buckets()
  const lengths = (texts: readonly string[]): readonly number[] => texts.map((text) => text.length)
  const header = { format: fileFormat, first, last, digest, directory: lengths(pieces), parts: lengths(parts) }
  return [`${JSON.stringify(header)}\n`, ...pieces, ...parts].join('')
}

/** Reads a text of {@link toFileText}; nothing for any other text. */
export function readFileText(text: string): SegmentFile | undefined {
  const header = parseHeader(text.slice(0, text.indexOf('\n') + 1))
  if (header === undefined) return undefined
  let end = text.indexOf('\n') + 1
  const take = (length: number): string => {
    end += length
    return text.slice(end - length, end)
  }
  const directory = header.directory.map(take)
  const parts = header.parts.map(take)
  const { first, last, digest } = header
  return end === text.length ? { first, last, digest, directory, parts } : undefined
}

/** Names a file: SHA-256 of its text in UTF-8, as 64 hexadecimal digits. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

interface Header {
  readonly first: number
  readonly last: number
  readonly digest: string
  readonly directory: readonly number[]
  readonly parts: readonly number[]
}

function parseHeader(line: string): Header | undefined {
  try {
    const header: unknown = JSON.parse(line)
    return isHeader(header) ? header : undefined
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
  isListOf(value.directory, isLength) &&
  value.directory.length === bucketCount &&
  isListOf(value.parts, isLength) &&
  value.parts.length > 0

const isLength = (value: unknown): value is number => isCount(value)

/** Takes segment files that follow each other out of a text that comes in pieces. Throws when it is anything else. */
export class FileSplitter {
  #text = ''
  /** Characters of the file at the beginning of the text; unknown until its header is there. */
  #length: number | undefined;

  /** The files that are whole now. */
  *take(piece: string): Generator<string> {
    this.#text += piece
    for (;;) {
      this.#length ??= this.#lengthOf()
      if (this.#length === undefined || this.#text.length < this.#length) return
      yield this.#text.slice(0, this.#length)
      this.#text = this.#text.slice(this.#length)
      this.#length = undefined
    }
  }

  /** Whether the text ended with a file. */
  get isAtEnd(): boolean {
    return this.#text === ''
  }

  #lengthOf(): number | undefined {
    const end = this.#text.indexOf('\n') + 1
    mustBe(end > 0 || this.#text.length < headerTextMax, 'a segment file', this.#text.slice(0, 40))
    if (end === 0) return undefined
    const header = parseHeader(this.#text.slice(0, end))
    mustBe(header !== undefined, 'a segment file', this.#text.slice(0, 40))
    return [...header.directory, ...header.parts].reduce((sum, length) => sum + length, end)
  }
}
