import { isStoreError, StoreError, type StoreFailure } from './store-error.ts'

type SqliteErrorCode =
  | 'sqlite/busy'
  | 'sqlite/disk'
  | 'sqlite/full'
  | 'sqlite/refused'
  | 'sqlite/damaged'
  | 'sqlite/format'

interface Known {
  readonly state: RegExp
  readonly code: SqliteErrorCode
  readonly failure: StoreFailure
  readonly says: string
}

const known: readonly Known[] = [
  {
    state: /^SQLITE_(BUSY|LOCKED|PROTOCOL)/,
    code: 'sqlite/busy',
    failure: 'unavailable',
    says: 'another process keeps it locked',
  },
  { state: /^SQLITE_FULL/, code: 'sqlite/full', failure: 'full', says: 'there is no room left on the disk' },
  { state: /^SQLITE_IOERR/, code: 'sqlite/disk', failure: 'unavailable', says: 'the disk fails, or has no room left' },
  {
    state: /^SQLITE_(READONLY|PERM|CANTOPEN|AUTH)/,
    code: 'sqlite/refused',
    failure: 'refused',
    says: 'it may not be written: look at the rights of the file and of its folder',
  },
  {
    state: /^SQLITE_(NOTADB|CORRUPT)/,
    code: 'sqlite/damaged',
    failure: 'refused',
    says: 'it is no SQLite file, or a damaged one',
  },
]

/** What a newer version of tidelog has made. */
export const newerFormat = (message: string): StoreError => new StoreError('sqlite/format', 'newer-format', message)

/** What can't even be opened. */
export const unopened = (path: string, cause: unknown): StoreError =>
  new StoreError(
    'sqlite/refused' satisfies SqliteErrorCode,
    'refused',
    `the log file ${path} can't be opened: look whether its folder is there, and at the rights`,
    { cause },
  )

/** The error as a user of the store gets it; what is nobody's fault but ours stays as it is. */
export function toSqliteError(path: string, error: unknown): unknown {
  if (isStoreError(error)) return error
  const state = error instanceof Error && 'code' in error ? String(error.code) : ''
  const found = known.find((one) => one.state.test(state))
  if (found === undefined) return error
  const said = error instanceof Error ? error.message : state
  return new StoreError(found.code, found.failure, `the log file ${path}: ${found.says} (${said})`, { cause: error })
}
