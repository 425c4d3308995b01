import type { Clock } from '../src/core/ports.ts'
import { count, text } from './postgres-client.ts'
import type { Database } from './postgres-database.ts'
import { createListener } from './postgres-listener.ts'
import { createHeads, noticeKey } from './watch-heads.ts'

export interface PostgresWatch {
  readonly watch: (log: string, listener: (head: number) => void) => () => void
  /** Tells who watches here, and all other processes, where a log ends now. */
  readonly tell: (log: string, head: number) => void
  readonly close: () => Promise<void>
}
export interface PostgresWatchOptions {
  readonly database: Database
  /** Tells the schemas of one database apart. */
  readonly schemaName: string
  readonly pollMs: number
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Notices of all processes over one schema, on a connection that listens as long as the store is open. */
export function createPostgresWatch(options: PostgresWatchOptions): PostgresWatch {
  const { database, schemaName, pollMs, clock, onError } = options
  const channel = `tidelog_${noticeKey(schemaName).slice(0, 20)}`
  const heads = createHeads((isWatched) => (isWatched ? start() : stopPolling()))
  const notices = createNotices(database, channel, onError)
  let callOffPoll: (() => void) | undefined
  let isLooking = false
  let isClosed = false

  /** Asks for what no notice told, and with it whether the listening connection still answers. */
  const look = async (): Promise<void> => {
    const logs = heads.logs()
    if (logs.length === 0 || isLooking) return
    isLooking = true
    try {
      const told = heads.told()
      const sql = `SELECT name, head FROM ${database.schema}.logs WHERE name = ANY($1)`
      for (const { name, head } of await listener.ask(sql, [logs])) {
        const key = noticeKey(text(name))
        heads.correct(key, count(head), told.get(key))
      }
    } catch (error) {
      onError(error)
    } finally {
      isLooking = false
    }
  }
  const listener = createListener({
    database,
    channel,
    clock,
    onError,
    isWanted: () => heads.logs().length > 0,
    hear: (payload) => {
      const [key = '', head = ''] = payload.split(' ')
      heads.hear(key, Number(head))
    },
    listening: () => {
      heads.forget()
      void look()
    },
  })
  const poll = (): void => {
    callOffPoll = clock.after(pollMs, poll)
    void look()
  }
  const stopPolling = (): void => {
    callOffPoll?.()
    callOffPoll = undefined
  }
  const start = (): void => {
    if (isClosed) return
    listener.connect()
    callOffPoll ??= clock.after(pollMs, poll)
  }
  return {
    watch: heads.watch,
    tell(log, head) {
      const key = noticeKey(log)
      heads.hear(key, head)
      notices.send(key, head)
    },
    async close() {
      isClosed = true
      stopPolling()
      await notices.settled()
      await listener.close()
    },
  }
}

/** Sends notices beside the calls: what a crash swallows is found by the poll of whoever waits for it. */
function createNotices(
  database: Database,
  channel: string,
  onError: (error: unknown) => void,
): { readonly send: (key: string, head: number) => void; readonly settled: () => Promise<void> } {
  const waiting = new Map<string, number>()
  let sending: Promise<void> | undefined
  const sendAll = async (): Promise<void> => {
    while (waiting.size > 0) {
      const payloads = [...waiting].map(([key, head]) => `${key} ${head}`)
      waiting.clear()
      await database
        .query('SELECT count(pg_notify($1, payload)) FROM unnest($2::text[]) AS payload', [channel, payloads])
        .catch(onError)
    }
    sending = undefined
  }
  return {
    send: (key, head) => {
      waiting.set(key, Math.max(head, waiting.get(key) ?? 0))
      sending ??= sendAll()
    },
    settled: async () => sending,
  }
}
