import type { Clock } from '../src/core/ports.ts'
import type { Seen } from '../src/protocol/sync.ts'
import { systemClock } from './options.ts'
import { row } from './sql.ts'
import { sqlCommits } from './sql-commits.ts'
import { sqlErasures } from './sql-erasures.ts'
import { sqlSegments } from './sql-segments.ts'
import { toSqliteError } from './sqlite-error.ts'
import { type Connection, fileColumn, openSqlite, sqlOf } from './sqlite-file.ts'
import { createAppendGroup } from './sqlite-group.ts'
import type { LogStore } from './store.ts'
import { createWatchers, type Watchers } from './watchers.ts'
import { wrapStore } from './wrap-store.ts'

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
  const sql = sqlOf(db)
  const commitsIn = sqlCommits(sql)
  const { range, headOf, digestAt } = commitsIn
  const group = createAppendGroup(commitsIn)
  const files = fileColumn(sql)
  const erasures = sqlErasures(sql, files)
  const poll = createPoll(db, headOf, pollMs, clock)
  const { watchers } = poll

  const store: LogStore = {
    async append(log, expectedHead, commits) {
      const appended = await group.append({ log, expectedHead, commits })
      if (appended.taken > 0) watchers.notify(log, appended.head)
      return appended
    },
    async range(log, after, limits) {
      return range(log, after, limits)
    },
    async head(log) {
      return headOf(log)
    },
    async digestAt(log, position) {
      return digestAt(log, position)
    },
    watch: watchers.add,
    segments: sqlSegments(sql, files, erasures.through),
    erasures: {
      async through(log) {
        return erasures.through(log)
      },
      async put(log, erased) {
        const isPut = erasures.put(log, erased)
        // The old texts would stay readable in the file of what was written last. Readers may keep it: then it is done by another.
        db.pragma('wal_checkpoint(TRUNCATE)')
        return isPut
      },
    },
    async close() {
      poll.stop()
      group.flush()
      db.close()
    },
  }
  return wrapStore(store, async (_call, run) => {
    try {
      return await run()
    } catch (error) {
      throw toSqliteError(path, error)
    }
  })
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
    try {
      const now = version()
      if (now === seen) return
      for (const log of watchers.logs()) watchers.notify(log, headOf(log).position)
      seen = now
    } catch {
      // A disk that fails must not end the process from a timer: the calls tell of it, and the next look may succeed.
    }
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
