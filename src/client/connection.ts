import { isTidelogError, TidelogError, type TidelogErrorCode } from '../core/errors.ts'
import { createListeners } from '../core/observable.ts'
import type { Clock } from '../core/ports.ts'
import type { OpenAnswer, WorkerApi } from '../protocol/worker.ts'

export type Opened = Extract<OpenAnswer, { ok: true }>

/** A worker that has opened the log. */
export interface Session {
  readonly api: WorkerApi
  readonly opened: Opened
  /** Resolves when the worker is dead. */
  readonly lost: Promise<void>
  /** Ends the worker. */
  readonly end: () => void
}

/** Calls the worker. */
export type Call = <T>(use: (api: WorkerApi) => Promise<T>) => Promise<T>

export interface Connection {
  readonly call: Call
  /** Ends after the calls that were made before. */
  readonly close: () => Promise<void>
}

/** What runs by itself, such as sync, stands still for so long when a worker has died that nobody was calling. */
const againMs = 1_000

/**
 * Calls of a worker that may die: a call is made again on a new worker once, then it rejects with `tidelog/worker-lost`. Where there
 * was none, another worker is started soon.
 */
export function createConnection(start: () => Promise<Session>, clock: Clock): Connection {
  let session: Promise<Session> | undefined
  let closing: Promise<void> | undefined
  const under = new Set<Promise<unknown>>()
  /** Rejections of the calls under way: racing each with one promise would keep them all. */
  const calls = createListeners<[Error]>()
  const connect = (): Promise<Session> => {
    if (session) return session
    session = start().catch(fromWorker)
    session
      .then(({ lost }) => lost)
      .finally(() => {
        session = undefined
      })
      .then(() => {
        calls.tell(new TidelogError('tidelog/worker-lost', 'the worker is gone'))
        clock.after(againMs, () => closing ?? connect().catch(() => {}))
      })
      .catch(() => {})
    return session
  }
  const attempt = async <T>(use: (api: WorkerApi) => Promise<T>, isAgain: boolean): Promise<T> => {
    const { api } = await connect()
    try {
      return await new Promise((resolve, reject) => {
        const forget = calls.add(reject)
        use(api).catch(fromWorker).then(resolve, reject).finally(forget)
      })
    } catch (error) {
      // Every call may be repeated: appends carry their ids, everything else reads or sets.
      if (!isAgain && isTidelogError(error, 'tidelog/worker-lost')) return attempt(use, true)
      throw error
    }
  }
  const call: Call = async (use) => {
    if (closing) throw new TidelogError('tidelog/log-closed', 'the log is closed')
    const running = attempt(use, false)
    under.add(running)
    try {
      return await running
    } finally {
      under.delete(running)
    }
  }
  const end = async (): Promise<void> => {
    // The worker may answer the close before a call that it has already carried out.
    await Promise.allSettled(under)
    const last = await session?.catch(() => undefined)
    if (!last) return
    await attempt((api) => api.close(), true).catch(() => {})
    last.end()
  }
  const close = (): Promise<void> => {
    closing ??= end()
    return closing
  }
  return { call, close }
}

/** An error that crossed from the worker has lost its class and fields: its name is its code. */
const fromWorker = (error: unknown): never => {
  throw isTidelogError(error) ? new TidelogError(error.name as TidelogErrorCode, error.message) : error
}
