import { createHash } from 'node:crypto'
import { isCount } from '../src/core/guard.ts'
import type { Clock } from '../src/core/ports.ts'
import { count, execute, type PostgresClient, type Query, queryOf, text } from './postgres-client.ts'
import type { Database } from './postgres-database.ts'
import { createWatchers } from './watchers.ts'

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

/** The wait before a lost connection is made again: doubled each time, up to the second one. */
const retryMs = 250
const retryMsMax = 10_000
/** A listening connection that does not answer for so long is made anew. */
const answerMsMax = 10_000

/** Of fixed length: a notice has at most 8,000 bytes, and whoever uses the database may hear it. */
const keyOf = (name: string): string => createHash('sha256').update(name).digest('base64url')

interface Watched {
  readonly log: string
  readonly key: string
  listenersCount: number
  /** What was told last, so that a notice that comes twice or late is told once. */
  told: number
}

/** Notices of all processes over one schema, on a connection that listens as long as the store is open. */
export function createPostgresWatch(options: PostgresWatchOptions): PostgresWatch {
  const { database, schemaName, pollMs, clock, onError } = options
  const channel = `tidelog_${keyOf(schemaName).slice(0, 20)}`
  const byKey = new Map<string, Watched>()
  const watchers = createWatchers((isWatched) => (isWatched ? start() : stopPolling()))
  const notices = createNotices(database, channel, onError)
  let callOffPoll: (() => void) | undefined
  let isLooking = false

  const hear = (key: string, head: number): void => {
    const watched = byKey.get(key)
    if (watched === undefined || !isCount(head) || head <= watched.told) return
    watched.told = head
    watchers.notify(watched.log, head)
  }
  /** What a notice says may be wrong, for anybody who uses the database can send one; what the log says is not. */
  const correct = (key: string, head: number): void => {
    const watched = byKey.get(key)
    if (watched !== undefined && watched.told > head) watched.told = head
    hear(key, head)
  }
  /** Asks for what no notice told, and with it whether the listening connection still answers. */
  const look = async (): Promise<void> => {
    if (byKey.size === 0 || isLooking) return
    isLooking = true
    try {
      for (const { name, head } of await listener.ask(
        `SELECT name, head FROM ${database.schema}.logs WHERE name = ANY($1)`,
        [[...byKey.values()].map(({ log }) => log)],
      ))
        correct(keyOf(text(name)), count(head))
    } catch (error) {
      onError(error)
    } finally {
      isLooking = false
    }
  }
  const listener = createListener(options, channel, {
    isWanted: () => byKey.size > 0,
    hear: (payload) => {
      const [key = '', head = ''] = payload.split(' ')
      hear(key, Number(head))
    },
    // Nobody knows what was said meanwhile; and after a restore the log may be shorter than it was.
    listening: () => {
      for (const watched of byKey.values()) watched.told = 0
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
    listener.connect()
    callOffPoll ??= clock.after(pollMs, poll)
  }
  return {
    watch(log, heard) {
      const key = keyOf(log)
      const watched = byKey.get(key) ?? { log, key, listenersCount: 0, told: 0 }
      byKey.set(key, watched)
      watched.listenersCount++
      const stop = watchers.add(log, heard)
      let isWatching = true
      return () => {
        if (!isWatching) return
        isWatching = false
        watched.listenersCount--
        if (watched.listenersCount === 0) byKey.delete(key)
        stop()
      }
    },
    tell(log, head) {
      const key = keyOf(log)
      hear(key, head)
      notices.send(key, head)
    },
    async close() {
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

interface Listener {
  /** Connects, unless it does already. */
  readonly connect: () => void
  /** On the listening connection when there is one, else on another. */
  readonly ask: Query
  readonly close: () => Promise<void>
}

function createListener(
  { database, clock, onError }: PostgresWatchOptions,
  channel: string,
  on: {
    readonly isWanted: () => boolean
    readonly hear: (payload: string) => void
    readonly listening: () => void
  },
): Listener {
  let listening: { readonly client: PostgresClient; readonly lose: (error?: Error) => void } | undefined
  let connecting: Promise<void> | undefined
  let callOffRetry: (() => void) | undefined
  let failures = 0
  let isClosed = false

  const retry = (error: unknown): void => {
    if (isClosed) return
    onError(error)
    callOffRetry?.()
    const ms = Math.min(retryMs * 2 ** Math.min(failures, 10), retryMsMax)
    failures++
    callOffRetry = clock.after(ms, () => {
      callOffRetry = undefined
      if (on.isWanted()) connect()
    })
  }
  const open = async (): Promise<void> => {
    const client = await database.connect()
    const lose = (error: Error = new Error('the connection that listens has ended')): void => {
      if (listening?.client !== client) return
      listening = undefined
      client.release(true)
      retry(error)
    }
    listening = { client, lose }
    client.on('error', lose)
    client.on('end', lose)
    client.on('notification', ({ payload = '' }) => on.hear(payload))
    if (isClosed) return lose()
    try {
      await execute(client, `LISTEN "${channel}"`)
    } catch (error) {
      return lose(error instanceof Error ? error : undefined)
    }
    if (listening?.client !== client) return
    failures = 0
    on.listening()
  }
  const connect = (): void => {
    if (isClosed || listening !== undefined || connecting !== undefined || callOffRetry !== undefined) return
    connecting = open()
      .catch(retry)
      .finally(() => {
        connecting = undefined
      })
  }
  const ask: Query = async (text, values) => {
    if (listening === undefined) return database.query(text, values)
    const { client, lose } = listening
    const callOff = clock.after(answerMsMax, () => lose(new Error('the connection that listens does not answer')))
    try {
      return await queryOf(client)(text, values)
    } finally {
      callOff()
    }
  }
  const close = async (): Promise<void> => {
    isClosed = true
    callOffRetry?.()
    await connecting
    listening?.lose()
  }
  return { connect, ask, close }
}
