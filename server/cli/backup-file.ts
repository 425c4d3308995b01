// A backup: gzipped lines of JSON. The first names the format, the last is a checksum, and each between them is a commit:
// {"first":1,"last":2,"digest":"…","commit":{…}}. The commit is the stored text, byte for byte.
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type Commit, isCommit } from '../../src/core/commit.ts'
import { isDigest, nextDigest } from '../../src/core/digest.ts'
import { messageOf } from '../../src/core/errors.ts'
import { isCount, isRecord } from '../../src/core/guard.ts'
import { commitBytesMax } from '../../src/core/limits.ts'
import type { Seen } from '../../src/protocol/sync.ts'
import { nothing } from '../sequence.ts'
import type { SequencedCommit } from '../store.ts'
import { fail } from './failure.ts'

const format = 'tidelog-backup'
const version = 1
/** A commit may have been larger than it may be now by what the server stamps on it. */
const lineBytesMax = commitBytesMax + 100_000

/** Lines of one backup, in order; the last one holds the checksum of all others. */
export interface BackupLines {
  readonly header: (log: string) => string
  readonly commit: (commit: SequencedCommit) => string
  readonly end: (end: Seen) => string
}

export function backupLines(): BackupLines {
  const hash = createHash('sha256')
  let commits = 0
  const summed = (line: string): string => {
    hash.update(line)
    return line
  }
  return {
    header: (log) => summed(`${JSON.stringify({ format, version, log, time: new Date().toISOString() })}\n`),
    commit: (commit) => {
      commits++
      return summed(`${before(commit)}${commit.text}}\n`)
    },
    end: (end) => `${JSON.stringify({ end: { ...end, commits }, sha256: hash.digest('hex') })}\n`,
  }
}

/** What stands in front of a commit's text. */
const before = ({ first, last, digest }: Pick<SequencedCommit, 'first' | 'last' | 'digest'>): string =>
  `${JSON.stringify({ first, last, digest }).slice(0, -1)},"commit":`

/** The end of the log in a backup. */
export interface BackupEnd {
  readonly log: string
  readonly time: string
  readonly end: Seen
  readonly commits: number
}

/** Reads a backup from its beginning; throws where anything is not as it was written. What it returns stands at its end. */
export async function* readBackup(file: FileHandle, path: string): AsyncGenerator<SequencedCommit, BackupEnd> {
  const refuse = (what: string): never => fail(`${path} can't be restored: ${what}`)
  const hash = createHash('sha256')
  let header: { readonly log: string; readonly time: string } | undefined
  let seen = nothing
  let commits = 0
  let end: BackupEnd | undefined
  for await (const line of linesOf(file, refuse)) {
    if (end !== undefined) return refuse('it goes on behind its end')
    const value =
      parse(line) ?? refuse(header === undefined ? 'it is no backup' : `it is damaged behind position ${seen.position}`)
    if (header === undefined) {
      header = headerOf(value, refuse)
    } else if (value.end !== undefined) {
      end = { ...header, end: seen, commits }
      mustMatch(value, end, hash, refuse)
      continue
    } else {
      const commit = commitOf(value, line, seen) ?? refuse(`it is damaged behind position ${seen.position}`)
      seen = { position: commit.last, digest: commit.digest }
      commits++
      yield commit
    }
    hash.update(line).update('\n')
  }
  return end ?? refuse('it is cut short')
}

type Refuse = (what: string) => never
type Parsed = Readonly<Record<string, unknown>>

function headerOf(value: Parsed, refuse: Refuse): { readonly log: string; readonly time: string } {
  if (value.format !== format) return refuse('it is no backup')
  if (value.version !== version) return refuse(`it has version ${String(value.version)}, and ${version} is known here`)
  return { log: String(value.log), time: String(value.time) }
}

/** A commit in its place, if the line is one that can follow. */
function commitOf({ first, last, digest, commit }: Parsed, line: Buffer, seen: Seen): SequencedCommit | undefined {
  if (!isCount(first) || !isCount(last) || !isDigest(digest) || !isCommit(commit)) return undefined
  const { id, contentId } = commit
  if (!canFollow({ first, last, digest, id, contentId }, commit, seen)) return undefined
  const text = line.toString('utf8')
  const start = before({ first, last, digest })
  // Not written anew from what was parsed: what is stored stays as it was.
  if (!text.startsWith(start) || !text.endsWith('}')) return undefined
  return { first, last, digest, id, contentId, text: text.slice(start.length, -1) }
}

/** Whether a commit can stand behind what was seen; `content` is what its text says. */
function canFollow({ first, last, digest, id, contentId }: Place, content: Commit, seen: Seen): boolean {
  return (
    content.id === id &&
    content.contentId === contentId &&
    content.events.length > 0 &&
    first === seen.position + 1 &&
    last === seen.position + content.events.length &&
    digest === nextDigest(seen.digest, id, contentId)
  )
}
type Place = Omit<SequencedCommit, 'text'>

/** Whether a stored commit is as a restore will want it: what can't be restored is no backup. */
export function canBeRestored(commit: SequencedCommit, seen: Seen): boolean {
  const content = parse(commit.text)
  return isCommit(content) && canFollow(commit, content, seen) && !commit.text.includes('\n')
}

function mustMatch({ end, sha256 }: Parsed, found: BackupEnd, hash: Hash, refuse: Refuse): void {
  const isEnd =
    isRecord(end) &&
    end.position === found.end.position &&
    end.digest === found.end.digest &&
    end.commits === found.commits
  if (!isEnd || sha256 !== hash.digest('hex')) refuse('its checksum is not that of its content')
}

function parse(line: Buffer | string): Parsed | undefined {
  try {
    const value: unknown = JSON.parse(String(line))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

const lineFeed = 10
const readBytes = 256_000

/** From its beginning each time; a stream of the handle's own would close it. */
async function* bytesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(readBytes), 0, readBytes, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

/** The lines of a gzipped file, without their ends. Node's own reader also cuts at U+2028, which JSON may hold. */
async function* linesOf(file: FileHandle, refuse: Refuse): AsyncGenerator<Buffer> {
  const source = Readable.from(bytesOf(file))
  const unzipped = createGunzip()
  source.on('error', (error) => unzipped.destroy(error))
  let rest: Buffer[] = []
  let restBytes = 0
  try {
    for await (const chunk of source.pipe(unzipped)) {
      let from = 0
      const bytes: Buffer = chunk
      for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
        yield Buffer.concat([...rest, bytes.subarray(from, at)])
        rest = []
        restBytes = 0
        from = at + 1
      }
      rest.push(bytes.subarray(from))
      restBytes += bytes.length - from
      if (restBytes > lineBytesMax) refuse('it has a line that is longer than any commit')
    }
  } catch (error) {
    throw isZlib(error) ? refuse(/unexpected end/.test(messageOf(error)) ? 'it is cut short' : 'it is damaged') : error
  } finally {
    source.destroy()
    unzipped.destroy()
  }
  if (restBytes > 0) refuse('it is cut short')
}

const isZlib = (error: unknown): boolean => error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
