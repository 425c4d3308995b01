import type { Seen } from '../src/protocol/sync.ts'
import { mustFollow, nothing } from './sequence.ts'
import { count, row, type Sql, text } from './sql.ts'
import type { RangeLimits, SequencedCommit } from './store.ts'

/** What a `LogStore` is asked to append. */
export interface Append {
  readonly log: string
  readonly expectedHead: number
  readonly commits: readonly SequencedCommit[]
}
export interface Appended {
  readonly taken: number
  readonly head: number
}

/** What a store asks of the commits in SQLite. */
export interface SqlCommits {
  readonly append: (append: Append) => Appended
  /** All of them in one transaction, each as if it came alone; throws, with nothing written, when one of them can't be written. */
  readonly appendAll: (appends: readonly Append[]) => readonly Appended[]
  readonly range: (
    log: string,
    after: number,
    limits: RangeLimits,
  ) => { readonly commits: readonly SequencedCommit[]; readonly head: number }
  readonly headOf: (log: string) => Seen
  readonly digestAt: (log: string, position: number) => string | undefined
}

export function sqlCommits({ select, write, transaction }: Sql): SqlCommits {
  const selectHead = select('SELECT last, digest FROM commits WHERE log = ? ORDER BY last DESC LIMIT 1')
  const selectDigest = select('SELECT digest FROM commits WHERE log = ? AND last = ?')
  const insert = write(
    'INSERT INTO commits (log, last, first, digest, id, contentId, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  // The length of a text is known without reading it.
  const selectSizes = select(
    'SELECT last, octet_length(text) FROM commits WHERE log = ? AND last > ? ORDER BY last LIMIT ?',
  )
  const selectRows = select(
    'SELECT first, last, digest, id, contentId, text FROM commits WHERE log = ? AND last > ? AND last <= ? ORDER BY last',
  )
  const headOf = (log: string): Seen => {
    const [position, digest] = row(selectHead(log)[0])
    return position === undefined ? nothing : { position: count(position), digest: text(digest) }
  }
  const appendHere = ({ log, expectedHead, commits }: Append): Appended => {
    const { position } = headOf(log)
    if (position !== expectedHead) return { taken: 0, head: position }
    mustFollow(commits, position)
    for (const { first, last, digest, id, contentId, text } of commits)
      insert(log, last, first, digest, id, contentId, text)
    return { taken: commits.length, head: commits.at(-1)?.last ?? position }
  }
  return {
    append: (append) => transaction(() => appendHere(append)),
    appendAll: (appends) => transaction(() => appends.map(appendHere)),
    range: (log, after, { commitsMax, bytesMax }) => {
      const through = cut(selectSizes(log, after, commitsMax), after, bytesMax)
      const commits = selectRows(log, after, through).map(toCommit)
      // After the rows, so that it never lies before them.
      return { commits, head: headOf(log).position }
    },
    headOf,
    digestAt: (log, position) => {
      if (position === 0) return nothing.digest
      const [digest] = row(selectDigest(log, position)[0])
      return digest === undefined ? undefined : text(digest)
    },
  }
}

/** The last position of a page of at most `bytesMax`, or of one commit. */
function cut(sizes: readonly unknown[], after: number, bytesMax: number): number {
  let through = after
  let bytes = 0
  for (const size of sizes) {
    const [last, length] = row(size)
    bytes += count(length)
    if (through > after && bytes > bytesMax) break
    through = count(last)
  }
  return through
}

function toCommit(value: unknown): SequencedCommit {
  const [first, last, digest, id, contentId, body] = row(value)
  return {
    first: count(first),
    last: count(last),
    digest: text(digest),
    id: text(id),
    contentId: text(contentId),
    text: text(body),
  }
}
