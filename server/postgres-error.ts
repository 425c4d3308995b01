import { StoreError, type StoreFailure } from './store-error.ts'

/** Codes of {@link PostgresStoreError}; messages may change, these do not. */
export type PostgresStoreErrorCode =
  /** No connection, or it broke: what was asked may have been done. */
  | 'postgres/unreachable'
  /** A statement was given up, such as one that waited too long for a row that somebody holds. */
  | 'postgres/busy'
  /** The server's disk is full. */
  | 'postgres/full'
  /** The server, or this database, will not serve us: a wrong password, no such database, missing rights, another encoding. */
  | 'postgres/refused'
  /** A newer version of tidelog made the tables. */
  | 'postgres/format'

const failureOf: Readonly<Record<PostgresStoreErrorCode, StoreFailure>> = {
  'postgres/unreachable': 'unavailable',
  'postgres/busy': 'unavailable',
  'postgres/full': 'full',
  'postgres/refused': 'refused',
  'postgres/format': 'newer-format',
}

/** Why the database of a {@link postgresStore} can't be used. */
export class PostgresStoreError extends StoreError<PostgresStoreErrorCode> {
  constructor(code: PostgresStoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, failureOf[code], message, options)
    this.name = 'PostgresStoreError'
  }
}

const stateOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E')

/** A transaction that lost against another one and may be run again. */
export const isSerializationFailure = (error: unknown): boolean => ['40001', '40P01'].includes(stateOf(error))

/** The error as a user of the store gets it: what PostgreSQL says about a statement stays as it is. */
export function toStoreError(error: unknown): unknown {
  if (error instanceof PostgresStoreError) return error
  const state = stateOf(error)
  const said = saidBy(error)
  // Lock and statement time-outs.
  if (state === '55P03' || state === '57014')
    return new PostgresStoreError('postgres/busy', `PostgreSQL is busy: ${said}`, { cause: error })
  if (state === '53100')
    return new PostgresStoreError('postgres/full', `PostgreSQL has no room left: ${said}`, { cause: error })
  // Wrong user or password; no such database; no rights; a standby, which only reads.
  if (/^(28|3D)/.test(state) || state === '42501' || state === '25006')
    return new PostgresStoreError('postgres/refused', `PostgreSQL refuses: ${said}`, { cause: error })
  // Connections that broke, too many of them, and a server that stops or starts.
  if (!isSqlState(state) || /^(08|53|57P)/.test(state))
    return new PostgresStoreError('postgres/unreachable', `PostgreSQL can't be reached: ${said}`, { cause: error })
  return error
}

function saidBy(error: unknown): string {
  // Of several addresses tried, the last one speaks for all.
  if (error instanceof AggregateError) return saidBy(error.errors.at(-1))
  return error instanceof Error ? error.message : String(error)
}
