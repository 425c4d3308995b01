// What the tests of the stores share: commits to append, and connections that lose what they are told.
import pg from 'pg'
import type { PostgresClient, PostgresPool } from '../../server/postgres.ts'
import { sequence } from '../../server/sequence.ts'
import type { LogStore, SequencedCommit } from '../../server/store.ts'
import type { Seen } from '../../src/protocol/sync.ts'

export const log = 'cart'
export const wide = { commitsMax: 100_000, bytesMax: 1_000_000_000 }

export const commitsOf = (head: Seen, ids: readonly string[], eventsCount = 1): readonly SequencedCommit[] =>
  sequence(
    ids.map((id) => ({ id, contentId: `${id}.p`, eventsCount, text: `{"id":"${id}"}` })),
    head,
  )

/** Appends at the end, wherever that is by now. */
export async function append(store: LogStore, ...ids: readonly string[]): Promise<number> {
  for (;;) {
    const head = await store.head(log)
    const { taken, head: end } = await store.append(log, head.position, commitsOf(head, ids))
    if (taken > 0) return end
  }
}

export const idsOf = async (store: LogStore): Promise<readonly string[]> =>
  (await store.range(log, 0, wide)).commits.map(({ id }) => id)

/** What happens to a statement on its way: it is sent, answered without being sent, or never answered. */
export type Fate = 'sent' | 'lost' | 'unanswered'

/** A pool over a bad network: `fateOf` hears each statement, and on which connection, before it is sent. */
export function badPool(
  url: string,
  fateOf: (text: string, connection: unknown) => Fate,
): PostgresPool & { end: () => Promise<void> } {
  const pool = new pg.Pool({ connectionString: url })
  const wrapped = new WeakMap<pg.PoolClient, PostgresClient>()
  const wrap = (client: pg.PoolClient): PostgresClient => ({
    query(text, values) {
      const fate = fateOf(text, client)
      if (fate === 'unanswered') return new Promise(() => {})
      return fate === 'lost' ? Promise.resolve({ rows: [] }) : client.query(text, values)
    },
    on: (event: string, listener: (...args: never[]) => void) => client.on(event as 'error', listener as () => void),
    release: (destroy) => client.release(destroy),
  })
  return {
    async connect() {
      const client = await pool.connect()
      const known = wrapped.get(client) ?? wrap(client)
      wrapped.set(client, known)
      return known
    },
    on: (event, listener) => pool.on(event, listener),
    removeListener: (event, listener) => pool.removeListener(event, listener),
    end: () => pool.end(),
  }
}
