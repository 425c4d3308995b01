import { execute, type InTransaction, type PostgresClient, type Query, queryOf } from './postgres-client.ts'
import { PostgresStoreError } from './postgres-error.ts'

/** Number of the layout below. Tables of a higher one are refused: an old server must not write what it does not know. */
export const postgresFormat = 1

// A log's end is a row of its own, which orders its writers: whoever moves it holds it until the commits behind it are
// written. It is written often and never indexed anew, so that half of a page is left free for its next versions. Texts are
// text, not jsonb, which would sort keys and refuse \u0000. Files are gzipped already.
const layout = (schema: string): string => `
  CREATE TABLE IF NOT EXISTS ${schema}.meta (key text PRIMARY KEY, value integer NOT NULL);
  CREATE TABLE IF NOT EXISTS ${schema}.logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    head bigint NOT NULL,
    digest text NOT NULL
  ) WITH (fillfactor = 50);
  CREATE TABLE IF NOT EXISTS ${schema}.commits (
    log bigint NOT NULL,
    last bigint NOT NULL,
    first bigint NOT NULL,
    digest text NOT NULL,
    id text NOT NULL,
    content_id text NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (log, last)
  );
  CREATE TABLE IF NOT EXISTS ${schema}.segments (
    log bigint NOT NULL,
    last bigint NOT NULL,
    first bigint NOT NULL,
    digest text NOT NULL,
    hash text NOT NULL,
    bytes bigint NOT NULL,
    file bytea NOT NULL,
    PRIMARY KEY (log, last),
    UNIQUE (log, hash)
  );
  ALTER TABLE ${schema}.segments ALTER COLUMN file SET STORAGE EXTERNAL;
  CREATE TABLE IF NOT EXISTS ${schema}.erased (log bigint PRIMARY KEY, through bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS ${schema}.gone (log bigint NOT NULL, hash text NOT NULL, PRIMARY KEY (log, hash));
  INSERT INTO ${schema}.meta (key, value) VALUES ('format', ${postgresFormat}) ON CONFLICT DO NOTHING`

/** Makes the tables where there are none. Throws when the database can't be used, before anything is changed. */
export async function prepareLayout(
  inTransaction: InTransaction,
  client: PostgresClient,
  name: string,
  schema: string,
): Promise<void> {
  const query = queryOf(client)
  const [{ encoding = '' } = {}] = await query(`SELECT current_setting('server_encoding') AS encoding`)
  if (encoding !== 'UTF8')
    throw new PostgresStoreError('postgres/refused', `the database has the encoding ${encoding}, and UTF8 is needed`)
  // Asked first, so that who only reads and writes needs no right to create.
  if (await isMade(query, name, schema)) return
  await inTransaction(client, async (query) => {
    // IF NOT EXISTS alone fails when two servers start at once: both see that there is nothing.
    await query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`tidelog ${name}`])
    if (await isMade(query, name, schema)) return
    const [known] = await query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [name])
    if (known === undefined) await query(`CREATE SCHEMA ${schema}`)
    await execute(client, layout(schema))
  })
}

async function isMade(query: Query, name: string, schema: string): Promise<boolean> {
  const [found] = await query('SELECT to_regclass($1) IS NOT NULL AS known', [`${schema}.meta`])
  if (found?.known !== true) return false
  const [{ value } = {}] = await query(`SELECT value FROM ${schema}.meta WHERE key = 'format'`)
  if (typeof value === 'number' && value > postgresFormat)
    throw new PostgresStoreError(
      'postgres/format',
      `the tables in ${name} have format ${value}, this version of tidelog knows ${postgresFormat}: a newer one made them`,
    )
  return value === postgresFormat
}
