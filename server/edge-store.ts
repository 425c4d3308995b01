import { bug } from '../src/core/errors.ts'
import { formatOf, layoutOf, row, type Sql, type SqlValue, text } from './sql.ts'
import { sqlCommits } from './sql-commits.ts'
import { sqlErasures } from './sql-erasures.ts'
import { type SegmentFiles, sqlSegments } from './sql-segments.ts'
import type { LogStore } from './store.ts'
import { StoreError } from './store-error.ts'
import { createWatchers, type Watchers } from './watchers.ts'

/** What the store uses of a Durable Object's SQLite (`ctx.storage.sql`). */
export interface ObjectSql {
  exec(statement: string, ...values: SqlValue[]): { raw(): Iterable<unknown> }
}

/** What the store uses of a Durable Object's storage (`ctx.storage`). */
export interface ObjectStorage {
  readonly sql: ObjectSql
  transactionSync<T>(work: () => T): T
  /** Resolves when all that was written is durable. Without it, only the answer of the object waits for that. */
  sync?(): Promise<void>
}

/** Number of the layout. An object whose layout has a higher one is refused: old code must not write what it does not know. */
const edgeFormat = 1
/** A value, or a row, has at most 2 MB here. */
const partBytesMax = 1_000_000

const layout = `${layoutOf(edgeFormat, '')}
  CREATE TABLE IF NOT EXISTS parts (
    log TEXT NOT NULL,
    hash TEXT NOT NULL,
    nth INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, hash, nth)
  );
`

/**
 * A store in the SQLite of one Durable Object, or of an actor like it. Each log should have an object of its own, see
 * `createEdgeServer`, though it keeps apart however many it is given. Throws when newer code has written there.
 */
export function durableObjectStore(storage: ObjectStorage): LogStore {
  const sql = toSql(storage)
  const format = formatOf(sql)
  if (format !== undefined && format > edgeFormat)
    throw new StoreError(
      'edge/format',
      'newer-format',
      `the object has format ${format}, this version of tidelog knows ${edgeFormat}: newer code wrote it`,
    )
  const { append, range, headOf, digestAt } = sqlCommits(sql)
  const files = filesInParts(sql)
  const erasures = sqlErasures(sql, files)
  const segments = sqlSegments(sql, files, erasures.through)
  const watchers = watchersOf(storage.sql)
  // Readers wait too: what they were given might be gone after a crash, and a stream may send it before any answer ends.
  const durably = async <T>(result: T): Promise<T> => {
    await storage.sync?.()
    return result
  }
  return {
    async append(log, expectedHead, commits) {
      const appended = await durably(append({ log, expectedHead, commits }))
      if (appended.taken > 0) watchers.notify(log, appended.head)
      return appended
    },
    range: async (log, after, limits) => durably(range(log, after, limits)),
    head: async (log) => durably(headOf(log)),
    digestAt: async (log, position) => durably(digestAt(log, position)),
    watch: watchers.add,
    segments: {
      list: async (log) => durably(await segments.list(log)),
      get: async (log, hash) => durably(await segments.get(log, hash)),
      add: async (log, ...added) => durably(await segments.add(log, ...added)),
    },
    erasures: {
      through: async (log) => durably(erasures.through(log)),
      put: async (log, erased) => durably(erasures.put(log, erased)),
    },
    // The runtime opens and ends the database with the object.
    async close() {},
  }
}

/** The logs that an object has commits of. */
export function logsOf(storage: ObjectStorage): readonly string[] {
  const next = toSql(storage).select('SELECT log FROM commits WHERE log > ? ORDER BY log LIMIT 1')
  const logs: string[] = []
  for (let [log] = row(next('')[0]); log !== undefined; [log] = row(next(text(log))[0])) logs.push(text(log))
  return logs
}

/** An object that nobody has written to gets no tables, and so costs nothing: to ask for a log does not make it. */
function toSql(storage: ObjectStorage): Sql {
  const exec = (statement: string, ...values: SqlValue[]): readonly unknown[] => [
    ...storage.sql.exec(statement, ...values).raw(),
  ]
  let isLaid = false
  const isLaidOut = (): boolean => {
    isLaid ||= exec(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'`).length > 0
    return isLaid
  }
  return {
    select:
      (statement) =>
      (...values) =>
        isLaidOut() ? exec(statement, ...values) : [],
    write:
      (statement) =>
      (...values) =>
        void exec(statement, ...values),
    transaction: (work) => {
      // In a transaction of its own: what `work` throws must not take the tables away again.
      if (!isLaidOut()) storage.transactionSync(() => exec(layout))
      return storage.transactionSync(work)
    },
  }
}

/** Each file is cut into rows of their own. */
function filesInParts({ select, write }: Sql): SegmentFiles {
  const selectSegment = select('SELECT 1 FROM segments WHERE log = ? AND hash = ?')
  const selectParts = select('SELECT bytes FROM parts WHERE log = ? AND hash = ? ORDER BY nth')
  const insertSegment = write('INSERT INTO segments (log, first, last, digest, hash, bytes) VALUES (?, ?, ?, ?, ?, ?)')
  const updateSegment = write('UPDATE segments SET hash = ?, bytes = ? WHERE log = ? AND hash = ?')
  const insertPart = write('INSERT INTO parts (log, hash, nth, bytes) VALUES (?, ?, ?, ?)')
  const deleteParts = write('DELETE FROM parts WHERE log = ? AND hash = ?')
  const insertParts = (log: string, hash: string, file: Uint8Array<ArrayBuffer>): void => {
    for (let nth = 0; nth * partBytesMax < file.length; nth++)
      insertPart(log, hash, nth, file.slice(nth * partBytesMax, (nth + 1) * partBytesMax))
  }
  return {
    get: (log, hash) => {
      if (selectSegment(log, hash).length === 0) return undefined
      const parts = selectParts(log, hash).map((part) => bytesOf(row(part)[0]))
      const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const part of parts) {
        file.set(part, at)
        at += part.length
      }
      return file
    },
    insert: (log, { first, last, digest, hash, bytes }, file) => {
      insertSegment(log, first, last, digest, hash, bytes)
      insertParts(log, hash, file)
    },
    replace: (log, was, { hash, bytes }, file) => {
      updateSegment(hash, bytes, log, was)
      deleteParts(log, was)
      insertParts(log, hash, file)
    },
  }
}

const bytesOf = (value: unknown): Uint8Array =>
  value instanceof ArrayBuffer ? new Uint8Array(value) : bug(`SQLite gave ${typeof value}`)

/** Two stores in one object tell each other what they wrote. */
const watchersBySql = new WeakMap<ObjectSql, Watchers>()
function watchersOf(sql: ObjectSql): Watchers {
  const watchers = watchersBySql.get(sql) ?? createWatchers()
  watchersBySql.set(sql, watchers)
  return watchers
}
