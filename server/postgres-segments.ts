import { bug } from '../src/core/errors.ts'
import type { ListedSegment } from '../src/protocol/sync.ts'
import { count, type Query, type Row, storedName, text } from './postgres-client.ts'
import type { Database } from './postgres-database.ts'
import { isNextSegment, nothing } from './sequence.ts'
import type { Erased, ErasureStore, SegmentStore } from './store.ts'

/** Segments beside the logs of one schema. */
export function postgresSegments({ schema, query, transaction }: Database): SegmentStore {
  const columns = 'first, last, digest, hash, bytes'
  return {
    async list(log) {
      const rows = await query(
        `SELECT first, last, s.digest, hash, bytes FROM ${schema}.segments s JOIN ${schema}.logs l ON l.id = s.log
         WHERE l.name = $1 ORDER BY last`,
        [storedName(log)],
      )
      return rows.map(toListed)
    },
    async get(log, hash) {
      // In one statement: between two, an erasure could take the file away and leave nothing to be found.
      const [row] = await query(
        `SELECT file, EXISTS (SELECT FROM ${schema}.gone g WHERE g.log = l.id AND g.hash = $2) AS gone
         FROM ${schema}.logs l LEFT JOIN ${schema}.segments s ON s.log = l.id AND s.hash = $2 WHERE l.name = $1`,
        [storedName(log), hash],
      )
      const file = row?.file ?? undefined
      if (file === undefined) return row?.gone === true ? 'gone' : undefined
      return file instanceof Uint8Array ? new Uint8Array(file) : bug(`PostgreSQL gave ${typeof file}`)
    },
    async add(log, segment, file, erased) {
      await transaction(async (query) => {
        const { id, through } = await lockFiles(query, schema, storedName(log))
        if (erased !== undefined && erased !== through) return
        if (!isNextSegment(segment, { last: await lastSealed(query, schema, id) })) return
        const { first, last, digest, hash, bytes } = segment
        await query(`INSERT INTO ${schema}.segments (log, ${columns}, file) VALUES ($1, $2, $3, $4, $5, $6, $7)`, [
          id,
          first,
          last,
          digest,
          hash,
          bytes,
          file,
        ])
      })
    },
  }
}

/** What erasures change in one schema. */
export function postgresErasures(
  { schema, query, transaction }: Database,
  onError: (error: unknown) => void,
): ErasureStore {
  return {
    async through(log) {
      const [{ through = 0 } = {}] = await query(
        `SELECT through FROM ${schema}.erased e JOIN ${schema}.logs l ON l.id = e.log WHERE l.name = $1`,
        [storedName(log)],
      )
      return count(through)
    },
    async put(log, erased) {
      const isPut = await transaction(async (query) => {
        const { id } = await lockFiles(query, schema, storedName(log))
        if (!(await isAsItWas(query, schema, id, erased))) return false
        await replace(query, schema, id, erased)
        return true
      })
      // Rows that were replaced stay in the files until they are cleaned up, which nobody may come to do for years. With its
      // last write an erasure counts as carried out; before, once for each page would be too often.
      if (isPut && erased.through > 0) await query(`VACUUM ${schema}.commits, ${schema}.segments`).catch(onError)
      return isPut
    },
  }
}

/** Makes whoever else adds or replaces files or texts of the log wait. Who appends does not have to. */
async function lockFiles(
  query: Query,
  schema: string,
  log: string,
): Promise<{ readonly id: unknown; readonly through: number }> {
  await query(`INSERT INTO ${schema}.logs (name, head, digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
    log,
    nothing.position,
    nothing.digest,
  ])
  const [{ id } = {}] = await query(`SELECT id FROM ${schema}.logs WHERE name = $1`, [log])
  await query(`INSERT INTO ${schema}.erased (log, through) VALUES ($1, 0) ON CONFLICT DO NOTHING`, [id])
  const [{ through } = {}] = await query(`SELECT through FROM ${schema}.erased WHERE log = $1 FOR UPDATE`, [id])
  return { id, through: count(through) }
}

async function lastSealed(query: Query, schema: string, id: unknown): Promise<number> {
  const [{ last = 0 } = {}] = await query(`SELECT max(last) AS last FROM ${schema}.segments WHERE log = $1`, [id])
  return last === null ? 0 : count(last)
}

async function isAsItWas(
  query: Query,
  schema: string,
  id: unknown,
  { commits, segments, sealed }: Erased,
): Promise<boolean> {
  if (sealed !== undefined && sealed !== (await lastSealed(query, schema, id))) return false
  const [texts] = await query(
    `SELECT count(*) AS found FROM unnest($2::bigint[], $3::text[]) AS asked(last, was)
     JOIN ${schema}.commits c ON c.log = $1 AND c.last = asked.last AND c.text = asked.was`,
    [id, commits.map(({ last }) => last), commits.map(({ was }) => was)],
  )
  const [files] = await query(
    `SELECT count(*) AS found FROM unnest($2::text[]) AS asked(was)
     JOIN ${schema}.segments s ON s.log = $1 AND s.hash = asked.was`,
    [id, segments.map(({ was }) => was)],
  )
  return count(texts?.found) === commits.length && count(files?.found) === segments.length
}

async function replace(
  query: Query,
  schema: string,
  id: unknown,
  { through, commits, segments }: Erased,
): Promise<void> {
  await query(
    `UPDATE ${schema}.commits c SET text = erased.text FROM unnest($2::bigint[], $3::text[]) AS erased(last, text)
     WHERE c.log = $1 AND c.last = erased.last`,
    [id, commits.map(({ last }) => last), commits.map(({ text }) => text)],
  )
  for (const { was, segment, file } of segments) {
    await query(`UPDATE ${schema}.segments SET hash = $3, bytes = $4, file = $5 WHERE log = $1 AND hash = $2`, [
      id,
      was,
      segment.hash,
      segment.bytes,
      file,
    ])
    await query(`INSERT INTO ${schema}.gone (log, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [id, was])
  }
  await query(`UPDATE ${schema}.erased SET through = greatest(through, $2) WHERE log = $1`, [id, through])
}

const toListed = ({ first, last, digest, hash, bytes }: Row): ListedSegment => ({
  first: count(first),
  last: count(last),
  digest: text(digest),
  hash: text(hash),
  bytes: count(bytes),
})
