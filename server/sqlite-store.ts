import type { Clock } from '../src/core/ports.ts'
import type { Seen } from '../src/protocol/sync.ts'
import { systemClock } from './options.ts'
import { mustFollow, nothing } from './sequence.ts'
import { sqliteErasures } from './sqlite-erasures.ts'
import { type Connection, count, inTransaction, openSqlite, row, text } from './sqlite-file.ts'
import { sqliteSegments } from './sqlite-segments.ts'
import type { LogStore, RangeLimits, SequencedCommit } from './store.ts'
import { createWatchers, type Watchers } from './watchers.ts'

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /** How often to look, while somebody watches, whether another process has written; 250 ms by default. */
  readonly pollMs?: number
  readonly clock?: Clock
}

/**
 * A store in one SQLite file at `path`, which is made when there is none; several processes may share it. Its calls
 * block the event loop while the disk writes, as SQLite does: one machine's worth of logs.
 */
export function sqliteStore(path: string, { pollMs = 250, clock = systemClock }: SqliteStoreOptions = {}): LogStore {
  const db = openSqlite(path)
  const { headOf, digestAt, insert, range } = prepare(db)
  const poll = createPoll(db, headOf, pollMs, clock)
  const { watchers } = poll
  const { erasedThrough, erasures } = sqliteErasures(db)

  return {
    async append(log, expectedHead, commits) {
      const appended = inTransaction(db, () => {
        const { position } = headOf(log)
        if (position !== expectedHead) return { taken: 0, head: position }
        mustFollow(commits, position)
        for (const commit of commits) insert(log, commit)
        return { taken: commits.length, head: commits.at(-1)?.last ?? position }
      })
      if (appended.taken > 0) watchers.notify(log, appended.head)
      return appended
    },
    async range(log, after, limits) {
      const commits = range(log, after, limits)
      // After the rows, so that it never lies before them.
      return { commits, head: headOf(log).position }
    },
    async head(log) {
      return headOf(log)
    },
    async digestAt(log, position) {
      return position === 0 ? nothing.digest : digestAt(log, position)
    },
    watch: watchers.add,
    segments: sqliteSegments(db, erasedThrough),
    erasures,
    async close() {
      poll.stop()
      db.close()
    },
  }
}

interface Statements {
  readonly headOf: (log: string) => Seen
  readonly digestAt: (log: string, position: number) => string | undefined
  readonly insert: (log: string, commit: SequencedCommit) => void
  readonly range: (log: string, after: number, limits: RangeLimits) => readonly SequencedCommit[]
}

function prepare(db: Connection): Statements {
  const selectHead = db.prepare('SELECT last, digest FROM commits WHERE log = ? ORDER BY last DESC LIMIT 1').raw()
  const selectDigest = db.prepare('SELECT digest FROM commits WHERE log = ? AND last = ?').raw()
  const insertCommit = db.prepare(
    'INSERT INTO commits (log, last, first, digest, id, contentId, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  // The length of a text is known without reading it.
  const selectSizes = db
    .prepare('SELECT last, octet_length(text) FROM commits WHERE log = ? AND last > ? ORDER BY last LIMIT ?')
    .raw()
  const selectRows = db
    .prepare(
      'SELECT first, last, digest, id, contentId, text FROM commits WHERE log = ? AND last > ? AND last <= ? ORDER BY last',
    )
    .raw()
  return {
    headOf: (log) => {
      const [position, digest] = row(selectHead.get(log))
      return position === undefined ? nothing : { position: count(position), digest: text(digest) }
    },
    digestAt: (log, position) => {
      const [digest] = row(selectDigest.get(log, position))
      return digest === undefined ? undefined : text(digest)
    },
    insert: (log, { first, last, digest, id, contentId, text }) => {
      insertCommit.run(log, last, first, digest, id, contentId, text)
    },
    range: (log, after, { commitsMax, bytesMax }) => {
      const through = cut(selectSizes.all(log, after, commitsMax), after, bytesMax)
      return selectRows.all(log, after, through).map(toCommit)
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

/** Tells watchers what other processes wrote; looks only while somebody watches. */
function createPoll(
  db: Connection,
  headOf: (log: string) => Seen,
  pollMs: number,
  clock: Clock,
): { readonly watchers: Watchers; readonly stop: () => void } {
  // Changes when another connection has committed, and costs some 20 µs.
  const selectVersion = db.prepare('PRAGMA data_version').raw()
  const version = (): unknown => row(selectVersion.get())[0]
  let seen = version()
  let callOff: (() => void) | undefined
  const look = (): void => {
    callOff = clock.after(pollMs, look)
    const now = version()
    if (now === seen) return
    seen = now
    for (const log of watchers.logs()) watchers.notify(log, headOf(log).position)
  }
  const stop = (): void => {
    callOff?.()
    callOff = undefined
  }
  const watchers = createWatchers((watched) => {
    stop()
    if (!watched) return
    seen = version()
    callOff = clock.after(pollMs, look)
  })
  return { watchers, stop }
}
