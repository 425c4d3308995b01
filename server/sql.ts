import { bug } from '../src/core/errors.ts'

/** What a statement is given. */
export type SqlValue = string | number | Uint8Array<ArrayBuffer>

/** What the stores need of SQLite, wherever it runs. A row is a list of its columns. */
export interface Sql {
  readonly select: (statement: string) => (...values: readonly SqlValue[]) => readonly unknown[]
  readonly write: (statement: string) => (...values: readonly SqlValue[]) => void
  /** Runs `work` alone among all who write; rolls back when it throws. */
  readonly transaction: <T>(work: () => T) => T
}

// A commit is a row, and rows of one log lie side by side, so that a page is one range read. The text is the commit as
// it is sent; the columns beside it are what the sequencer asks for without parsing it. Segments came later and are no
// new format: a server that does not know them leaves them alone, and what it appends does not make them wrong.
// Erasures came later in the same way.
/** The tables; `fileColumns` is what a segment's row holds of its file. */
export const layoutOf = (format: number, fileColumns: string): string => `
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
    ${fileColumns}
    PRIMARY KEY (log, last),
    UNIQUE (log, hash)
  );
  CREATE TABLE IF NOT EXISTS erased (log TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gone (log TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (log, hash)) WITHOUT ROWID;
  INSERT OR IGNORE INTO meta (key, value) VALUES ('format', ${format});
`

/** The number of the layout that a database has; `undefined` when it has none yet. */
export function formatOf({ select }: Sql): number | undefined {
  const [known] = select(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'`)()
  if (known === undefined) return undefined
  const [format] = row(select(`SELECT value FROM meta WHERE key = 'format'`)()[0])
  return typeof format === 'number' ? format : undefined
}

/** The columns of a row; an empty list when there is none. */
export const row = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
/** A column that holds whole numbers. */
export const count = (value: unknown): number =>
  typeof value === 'number' ? value : bug(`SQLite gave ${typeof value}`)
/** A column that holds text. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : bug(`SQLite gave ${typeof value}`))
