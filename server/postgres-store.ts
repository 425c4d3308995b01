import { mustBe, mustKnow } from '../src/core/errors.ts'
import type { Clock } from '../src/core/ports.ts'
import { systemClock } from './options.ts'
import { count, type PostgresPool, type Row, storedName, text } from './postgres-client.ts'
import { type Database, lockMsMax, openDatabase, setDurable } from './postgres-database.ts'
import { isSerializationFailure } from './postgres-error.ts'
import { postgresErasures, postgresSegments } from './postgres-segments.ts'
import { createPostgresWatch } from './postgres-watch.ts'
import { mustFollow, nothing } from './sequence.ts'
import type { LogStore, SequencedCommit } from './store.ts'

/** Options of {@link postgresStore}: where the database is, or a pool of the package `pg` that leads there. */
export type PostgresStoreOptions = (
  | { readonly connectionString: string; readonly pool?: undefined }
  /** Its owner ends it. One of its connections is kept to listen. */
  | { readonly pool: PostgresPool; readonly connectionString?: undefined }
) & {
  /** Where the tables are; it is made when there is none. `tidelog` by default. */
  readonly schema?: string
  /** How often to look, while somebody watches, for what no notice told of; 5,000 ms by default. */
  readonly pollMs?: number
  /** Hears of connections that broke beside the calls. They are made again without anybody's help. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

/**
 * A store in PostgreSQL, which any number of endpoints may share. Tables are made at first use. A call rejects with a
 * {@link PostgresStoreError} while the database can't be reached, and works again when it can.
 */
export function postgresStore(options: PostgresStoreOptions): LogStore {
  mustKnow(options, 'connectionString pool schema pollMs onError clock')
  const {
    connectionString,
    pool,
    schema = 'tidelog',
    pollMs = 5_000,
    onError = () => {},
    clock = systemClock,
  } = options
  mustBe((connectionString === undefined) !== (pool === undefined), 'connectionString and pool', 'both, or neither')
  // PostgreSQL would cut a longer name without a word.
  mustBe(/^[^\0]+$/.test(schema) && Buffer.byteLength(schema) <= 63, 'schema', schema)
  const database = openDatabase(pool === undefined ? { connectionString } : { pool }, schema, onError)
  const watch = createPostgresWatch({ database, schemaName: schema, pollMs, clock, onError })
  const { schema: quoted, query } = database
  let closing: Promise<void> | undefined

  return {
    async append(log, expectedHead, commits) {
      mustFollow(commits, expectedHead)
      const end = commits.at(-1)
      if (end !== undefined && (await isAppended(database, log, expectedHead, commits, end))) {
        watch.tell(storedName(log), end.last)
        return { taken: commits.length, head: end.last }
      }
      // A statement of its own: what another writer did while the first one waited is not seen by that one.
      const [{ head = nothing.position } = {}] = await query(`SELECT head FROM ${quoted}.logs WHERE name = $1`, [
        storedName(log),
      ])
      return { taken: 0, head: count(head) }
    },
    async range(log, after, { commitsMax, bytesMax }) {
      const rows = await query(selectRange(quoted), [
        storedName(log),
        after,
        Math.min(commitsMax, 2 ** 31 - 1),
        Math.min(bytesMax, Number.MAX_SAFE_INTEGER),
      ])
      const commits = rows.filter(({ last }) => last !== null).map(toCommit)
      return { commits, head: count(rows[0]?.head) }
    },
    async head(log) {
      const [row] = await query(`SELECT head, digest FROM ${quoted}.logs WHERE name = $1`, [storedName(log)])
      return row === undefined ? nothing : { position: count(row.head), digest: text(row.digest) }
    },
    async digestAt(log, position) {
      if (position === 0) return nothing.digest
      const [row] = await query(
        `SELECT c.digest FROM ${quoted}.commits c JOIN ${quoted}.logs l ON l.id = c.log WHERE l.name = $1 AND c.last = $2`,
        [storedName(log), position],
      )
      return row === undefined ? undefined : text(row.digest)
    },
    watch: (log, listener) => watch.watch(storedName(log), listener),
    segments: postgresSegments(database),
    erasures: postgresErasures(database, onError),
    close() {
      closing ??= watch.close().then(database.close)
      return closing
    },
  }
}

/** How often an append is run again because the database isolates transactions more strictly than it has to. */
const attemptsMax = 10

async function isAppended(
  { query, schema }: Database,
  log: string,
  expectedHead: number,
  commits: readonly SequencedCommit[],
  end: SequencedCommit,
): Promise<boolean> {
  const columns = [
    commits.map(({ first }) => first),
    commits.map(({ last }) => last),
    commits.map(({ digest }) => digest),
    commits.map(({ id }) => id),
    commits.map(({ contentId }) => contentId),
    commits.map(({ text }) => text),
  ]
  for (let attempt = 1; ; attempt++) {
    try {
      const sql = appendSql(schema, expectedHead === nothing.position)
      const [row] = await query(sql, [storedName(log), expectedHead, end.last, end.digest, ...columns])
      return count(row?.moved) === 1
    } catch (error) {
      if (!isSerializationFailure(error) || attempt === attemptsMax) throw error
    }
  }
}

// One statement, and so one transaction that no process can leave open: the log's end is moved first, and its row is
// locked until the commits behind it are there. Others wait for the row, find it moved, and take nothing.
const appendSql = (schema: string, isFirst: boolean): string => `
  WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', '${lockMsMax}', true) AS waits, ${setDurable} AS durable
  ), moved AS (
    ${isFirst ? insertLog(schema) : updateLog(schema)}
  ), added AS (
    INSERT INTO ${schema}.commits (log, first, last, digest, id, content_id, text)
    SELECT moved.id, commit.* FROM moved,
      unnest($5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[]) AS commit
  )
  SELECT count(*) AS moved FROM moved`

const updateLog = (schema: string): string => `
    UPDATE ${schema}.logs SET head = $3, digest = $4 FROM settings WHERE name = $1 AND head = $2 RETURNING id`

const insertLog = (schema: string): string => `
    INSERT INTO ${schema}.logs AS log (name, head, digest) SELECT $1, $3::bigint, $4 FROM settings
    ON CONFLICT (name) DO UPDATE SET head = excluded.head, digest = excluded.digest WHERE log.head = $2 RETURNING id`

// One statement, and so one view of the log: its end is never before the commits. The length of a text is known without
// reading it.
const selectRange = (schema: string): string => `
  SELECT log.head, page.* FROM
    (SELECT coalesce(max(head), 0) AS head, max(id) AS id FROM ${schema}.logs WHERE name = $1) AS log
    LEFT JOIN LATERAL (
      SELECT first, last, digest, commit_id, content_id, text FROM (
        SELECT c.first, c.last, c.digest, c.id AS commit_id, c.content_id, c.text,
          sum(octet_length(c.text)) OVER through AS bytes, row_number() OVER through AS nth
        FROM (SELECT * FROM ${schema}.commits WHERE log = log.id AND last > $2 ORDER BY last LIMIT $3) AS c
        WINDOW through AS (ORDER BY c.last ROWS UNBOUNDED PRECEDING)
      ) AS sized WHERE bytes <= $4 OR nth = 1
    ) AS page ON true
  ORDER BY page.last`

const toCommit = ({ first, last, digest, commit_id, content_id, text: body }: Row): SequencedCommit => ({
  first: count(first),
  last: count(last),
  digest: text(digest),
  id: text(commit_id),
  contentId: text(content_id),
  text: text(body),
})
