import Database from 'libsql'
import { bug } from '../src/core/errors.ts'
import { formatOf, layoutOf, row, type Sql } from './sql.ts'
import type { SegmentFiles } from './sql-segments.ts'
import { newerFormat, toSqliteError, unopened } from './sqlite-error.ts'

/** Number of the layout below. A file of a higher one is refused: an old server must not write what it does not know. */
export const sqliteFormat = 1

/** An open SQLite connection. */
export type Connection = Database.Database

// The files of segments come last in rows that have a rowid, so that a list is read without them.
const layout = layoutOf(sqliteFormat, 'file BLOB NOT NULL,')

/** Opens the file at `path`, and makes it when there is none. Throws when it can't be used, before anything is changed. */
export function openSqlite(path: string): Connection {
  const db = connect(path)
  try {
    // First of all, since the next statements may meet another process that opens the same file.
    db.exec('PRAGMA busy_timeout = 5000')
    const format = formatOf(sqlOf(db))
    if (format !== undefined && format > sqliteFormat)
      throw newerFormat(
        `${path} has format ${format}, this version of tidelog knows ${sqliteFormat}: it was written by a newer one`,
      )
    db.exec('PRAGMA journal_mode = WAL')
    // An acknowledged commit must survive the loss of power, not only of the process.
    db.exec('PRAGMA synchronous = FULL')
    // What is erased is overwritten, not only forgotten.
    db.exec('PRAGMA secure_delete = ON')
    inTransaction(db, () => db.exec(layout))
    return db
  } catch (error) {
    db.close()
    throw toSqliteError(path, error)
  }
}

function connect(path: string): Connection {
  try {
    return new Database(path)
  } catch (cause) {
    throw unopened(path, cause)
  }
}

/** Runs `work` alone among all writers of the file, other processes too; rolls back when it throws. */
function inTransaction<T>(db: Connection, work: () => T): T {
  // IMMEDIATE, since a transaction that starts by reading could not be made a writing one after somebody else wrote.
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // A failed COMMIT may have rolled back already.
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** A connection as the stores use it. */
export const sqlOf = (db: Connection): Sql => ({
  select: (statement) => {
    const prepared = db.prepare(statement).raw()
    return (...values) => prepared.all(...values)
  },
  write: (statement) => {
    const prepared = db.prepare(statement)
    return (...values) => void prepared.run(...values)
  },
  transaction: (work) => inTransaction(db, work),
})

/** Each file is a column of its segment's row. */
export function fileColumn({ select, write }: Sql): SegmentFiles {
  const selectFile = select('SELECT file FROM segments WHERE log = ? AND hash = ?')
  const insert = write(
    'INSERT INTO segments (log, first, last, digest, hash, bytes, file) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const update = write('UPDATE segments SET hash = ?, bytes = ?, file = ? WHERE log = ? AND hash = ?')
  return {
    get: (log, hash) => {
      const [file] = row(selectFile(log, hash)[0])
      if (file === undefined) return undefined
      return file instanceof Uint8Array ? new Uint8Array(file) : bug(`SQLite gave ${typeof file}`)
    },
    insert: (log, { first, last, digest, hash, bytes }, file) => insert(log, first, last, digest, hash, bytes, file),
    replace: (log, was, { hash, bytes }, file) => update(hash, bytes, file, log, was),
  }
}
