import { createHash } from 'node:crypto'
import { bug } from '../src/core/errors.ts'
import { toStoreError } from './postgres-error.ts'

/** What is used of a connection of the package `pg`. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: PostgresNotice) => void): unknown
  release(destroy?: boolean): void
}
export interface PostgresNotice {
  readonly channel: string
  readonly payload?: string | undefined
}

/** What is used of a `Pool` of the package `pg`. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export type Row = Readonly<Record<string, unknown>>
export type Query = (text: string, values?: unknown[]) => Promise<readonly Row[]>
export type InTransaction = <T>(client: PostgresClient, work: (query: Query) => Promise<T>) => Promise<T>

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null

/** Runs statements of which no rows are wanted. */
export async function execute(client: PostgresClient, statements: string): Promise<void> {
  await client.query(statements).catch(fail)
}

/** Runs a statement and gives its rows. */
export const queryOf =
  (client: PostgresClient): Query =>
  async (text, values) => {
    const { rows } = await client.query(text, values).catch(fail)
    return rows.map((row) => (isRow(row) ? row : bug('PostgreSQL gave no row')))
  }

const known = new WeakSet<PostgresClient>()

/** Borrows a connection. */
export async function connect(pool: PostgresPool): Promise<PostgresClient> {
  const client = await pool.connect().catch(fail)
  // One that breaks while it is lent, or while it is being ended, says so: unheard, that would end the process. A statement
  // under way is rejected as well.
  if (!known.has(client)) client.on('error', () => {})
  known.add(client)
  return client
}

const fail = (error: unknown): never => {
  throw toStoreError(error)
}

/** More than an index takes of a column, in bytes, is some 2,700. */
const nameBytesMax = 1_000

/** A log's name as it is stored. With a tenant in front it may be too long for an index; no name has control characters. */
export const storedName = (log: string): string =>
  Buffer.byteLength(log) <= nameBytesMax ? log : `\u0001${createHash('sha256').update(log).digest('hex')}`

/** A column that holds whole numbers; the package `pg` gives large ones as text. */
export function count(value: unknown): number {
  const number = typeof value === 'string' || typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : bug(`PostgreSQL gave ${typeof value}`)
}
/** A column that holds text. */
export const text = (value: unknown): string =>
  typeof value === 'string' ? value : bug(`PostgreSQL gave ${typeof value}`)
