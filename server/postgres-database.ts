import pg from 'pg'
import { bug } from '../src/core/errors.ts'
import {
  connect,
  execute,
  type InTransaction,
  type PostgresClient,
  type PostgresPool,
  type Query,
  queryOf,
  type Row,
} from './postgres-client.ts'
import { prepareLayout } from './postgres-layout.ts'

/** One schema of one database, with its tables made. */
export interface Database {
  /** The schema's name, quoted. */
  readonly schema: string
  /** Lends a connection until the work is done. One that fails is thrown away, and with it the transaction it may be in. */
  readonly run: <T>(work: (client: PostgresClient) => Promise<T>) => Promise<T>
  /** A connection to keep; whoever has it releases it. */
  readonly connect: () => Promise<PostgresClient>
  readonly query: (text: string, values?: unknown[]) => Promise<readonly Row[]>
  /** Runs the work in a transaction, which is rolled back when the work throws. */
  readonly transaction: <T>(work: (query: Query) => Promise<T>) => Promise<T>
  readonly close: () => Promise<void>
}
/** Sets of the transaction, whatever the defaults of the database are: what was told to be kept has to be on a disk. */
export const setDurable = `CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END`
/** Nobody waits for a row for ever, such as for one that somebody locked by hand. */
export const lockMsMax = 10_000

// A process that dies, or loses its network, in the middle must not keep its locks until TCP gives up.
const begin = `
  BEGIN ISOLATION LEVEL READ COMMITTED;
  SET LOCAL lock_timeout = ${lockMsMax};
  SET LOCAL idle_in_transaction_session_timeout = ${lockMsMax};
  SELECT ${setDurable}`

export function openDatabase(
  source: { readonly connectionString: string } | { readonly pool: PostgresPool },
  schemaName: string,
  onError: (error: unknown) => void,
): Database {
  const owned = 'pool' in source ? undefined : ownPool(source.connectionString)
  const pool: PostgresPool = 'pool' in source ? source.pool : (owned ?? bug('no pool'))
  const schema = `"${schemaName.replaceAll('"', '""')}"`
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', onError)

  const lend = async <T>(work: (client: PostgresClient) => Promise<T>): Promise<T> => {
    const client = await connect(pool)
    let isSound = false
    try {
      const result = await work(client)
      isSound = true
      return result
    } finally {
      client.release(!isSound)
    }
  }
  let prepared: Promise<void> | undefined
  const ready = (): Promise<void> => {
    prepared ??= lend((client) => prepareLayout(inTransaction, client, schemaName, schema)).catch((error: unknown) => {
      // Tried again by the next call: the server may only have been late.
      prepared = undefined
      throw error
    })
    return prepared
  }
  const run: Database['run'] = async (work) => {
    await ready()
    return lend(work)
  }
  return {
    schema,
    run,
    query: (text, values) => run((client) => queryOf(client)(text, values)),
    transaction: (work) => run((client) => inTransaction(client, work)),
    async connect() {
      await ready()
      return connect(pool)
    },
    async close() {
      // A connection may break while it is being ended; those of another's pool are a matter of their owner now.
      if (owned === undefined) pool.removeListener('error', onError)
      else await owned.end()
    },
  }
}

const ownPool = (connectionString: string): pg.Pool =>
  new pg.Pool({
    connectionString,
    application_name: 'tidelog',
    // One of them listens.
    max: 11,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    // A server that fell silent is given up, and the connection with it.
    query_timeout: 30_000,
  })

const inTransaction: InTransaction = async (client, work) => {
  await execute(client, begin)
  const result = await work(queryOf(client))
  await execute(client, 'COMMIT')
  return result
}
