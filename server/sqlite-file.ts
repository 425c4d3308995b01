import Database from 'libsql'
import { bug } from '../src/core/errors.ts'

/** Number of the layout below. A file of a higher one is refused: an old server must not write what it does not know. */
export const sqliteFormat = 1

/** An open SQLite connection. */
export type Connection = Database.Database

// A commit is a row, and rows of one log lie side by side, so that a page is one range read. The text is the commit as
// it is sent; the columns beside it are what the sequencer asks for without parsing it. Segments came later and are no
// new format: a server that does not know them leaves them alone, and what it appends does not make them wrong. Their
// files come last in rows that have a rowid, so that a list is read without them. Erasures came later in the same way.
const layout = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS commits (
    log TEXT NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    digest TEXT NOT NULL,
    id TEXT NOT NULL,
    contentId TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (log, last)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS segments (
    log TEXT NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    digest TEXT NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file BLOB NOT NULL,
    PRIMARY KEY (log, last),
    UNIQUE (log, hash)
  );
  CREATE TABLE IF NOT EXISTS erased (log TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gone (log TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (log, hash)) WITHOUT ROWID;
  INSERT OR IGNORE INTO meta (key, value) VALUES ('format', ${sqliteFormat});
`

/** Opens the file at `path`, and makes it when there is none. Throws when it can't be used, before anything is changed. */
export function openSqlite(path: string): Connection {
  const db = connect(path)
  try {
    // First of all, since the next statements may meet another process that opens the same file.
    db.exec('PRAGMA busy_timeout = 5000')
    const format = formatOf(db)
    if (format !== undefined && format > sqliteFormat)
      throw new Error(
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
    throw error
  }
}

function connect(path: string): Connection {
  try {
    return new Database(path)
  } catch (cause) {
    throw new Error(`the log file ${path} can't be opened`, { cause })
  }
}

function formatOf(db: Connection): number | undefined {
  const known = db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'`).raw().get()
  if (known === undefined) return undefined
  const [format] = row(db.prepare(`SELECT value FROM meta WHERE key = 'format'`).raw().get())
  return typeof format === 'number' ? format : undefined
}

/** A row in raw mode; an empty list when there is none. */
export const row = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
/** A column that holds whole numbers. */
export const count = (value: unknown): number =>
  typeof value === 'number' ? value : bug(`SQLite gave ${typeof value}`)
/** A column that holds text. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : bug(`SQLite gave ${typeof value}`))

/** Runs `work` alone among all writers of the file, other processes too; rolls back when it throws. */
export function inTransaction<T>(db: Connection, work: () => T): T {
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
