import type { Clock } from '../src/core/ports.ts'
import { execute, type PostgresClient, type Query, queryOf } from './postgres-client.ts'
import type { Database } from './postgres-database.ts'

/** The wait before a lost connection is made again: doubled each time, up to the second one. */
const retryMs = 250
const retryMsMax = 10_000
/** A listening connection that does not answer for so long is made anew. */
const answerMsMax = 10_000

/** A connection that listens, and is made again when it is lost. */
export interface Listener {
  /** Connects, unless it does already. */
  readonly connect: () => void
  /** On the listening connection when there is one, else on another. */
  readonly ask: Query
  readonly close: () => Promise<void>
}

export interface ListenerOptions {
  readonly database: Database
  readonly channel: string
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  readonly isWanted: () => boolean
  readonly hear: (payload: string) => void
  /** What was said before is not heard any more. */
  readonly listening: () => void
}

export function createListener(options: ListenerOptions): Listener {
  const { database, channel, clock, onError, isWanted, hear } = options
  const backoff = createBackoff(clock)
  let listening: { readonly client: PostgresClient; readonly lose: (error?: Error) => void } | undefined
  let connecting: Promise<void> | undefined
  let isClosed = false

  const retry = (error: unknown): void => {
    if (isClosed) return
    onError(error)
    backoff.wait(() => {
      if (isWanted()) connect()
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
    client.on('notification', ({ payload = '' }) => hear(payload))
    if (isClosed) return lose()
    try {
      await execute(client, `LISTEN "${channel}"`)
    } catch (error) {
      return lose(error instanceof Error ? error : undefined)
    }
    if (listening?.client !== client) return
    backoff.reset()
    options.listening()
  }
  const connect = (): void => {
    if (isClosed || listening !== undefined || connecting !== undefined || backoff.isWaiting()) return
    connecting = open()
      .catch(retry)
      .finally(() => {
        connecting = undefined
      })
  }
  const ask: Query = async (text, values) => {
    const asked = listening
    let callOff = (): void => {}
    const silence = new Promise<never>((_, reject) => {
      callOff = clock.after(answerMsMax, () => {
        const error = new Error('PostgreSQL does not answer')
        asked?.lose(error)
        reject(error)
      })
    })
    const answer = asked === undefined ? database.query(text, values) : queryOf(asked.client)(text, values)
    // The query itself may never end: nobody knows what a dead connection still does.
    return Promise.race([answer, silence]).finally(callOff)
  }
  const close = async (): Promise<void> => {
    isClosed = true
    backoff.stop()
    await connecting
    listening?.lose()
  }
  return { connect, ask, close }
}

interface Backoff {
  readonly wait: (then: () => void) => void
  readonly isWaiting: () => boolean
  readonly reset: () => void
  readonly stop: () => void
}

function createBackoff(clock: Clock): Backoff {
  let failures = 0
  let callOff: (() => void) | undefined
  const stop = (): void => {
    callOff?.()
    callOff = undefined
  }
  return {
    wait(then) {
      stop()
      const ms = Math.min(retryMs * 2 ** Math.min(failures, 10), retryMsMax)
      failures++
      callOff = clock.after(ms, () => {
        callOff = undefined
        then()
      })
    },
    isWaiting: () => callOff !== undefined,
    reset: () => {
      failures = 0
    },
    stop,
  }
}
