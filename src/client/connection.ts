import { isTidelogError, TidelogError, type TidelogErrorCode } from '../core/errors.ts'
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
  /** Starts the worker, if it is not there. */
  readonly ready: () => Promise<void>
  readonly call: Call
  /** Ends after the calls that were made before. */
  readonly close: () => Promise<void>
}

/** Calls of a worker that may die: a call is made again on a new worker once, then it rejects with `tidelog/worker-lost`. */
export function createConnection(start: () => Promise<Session>): Connection {
  let session: Promise<Session> | undefined
  let closing: Promise<void> | undefined
  const under = new Set<Promise<unknown>>()
  /** Rejections of the calls under way: racing each with one promise would keep them all. */
  const calls = new Set<(error: Error) => void>()
  const rejectAll = (error: Error): void => {
    for (const reject of [...calls]) reject(error)
  }
  const connect = (): Promise<Session> => {
    if (session !== undefined) return session
    const own = start()
    session = own
    const forget = (): void => {
      if (session === own) session = undefined
    }
    own
      .then(({ lost }) => lost)
      .then(() => {
        forget()
        rejectAll(new TidelogError('tidelog/worker-lost', 'the worker is gone'))
      })
      .catch(forget)
    return own
  }
  const attempt = async <T>(use: (api: WorkerApi) => Promise<T>, isAgain: boolean): Promise<T> => {
    const { api } = await connect()
    try {
      return await new Promise((resolve, reject) => {
        calls.add(reject)
        use(api)
          .then(resolve, (error: unknown) => reject(fromWorker(error)))
          .finally(() => calls.delete(reject))
      })
    } catch (error) {
      // Every call may be repeated: appends carry their ids, everything else reads or sets.
      if (!isAgain && isTidelogError(error, 'tidelog/worker-lost')) return attempt(use, true)
      throw error
    }
  }
  const call: Call = (use) => {
    if (closing !== undefined) return Promise.reject(new TidelogError('tidelog/log-closed', 'the log is closed'))
    const running = attempt(use, false)
    under.add(running)
    const forget = () => under.delete(running)
    running.then(forget, forget)
    return running
  }
  const end = async (): Promise<void> => {
    // The worker may answer the close before a call that it has already carried out.
    await Promise.allSettled(under)
    const last = await session?.catch(() => undefined)
    if (last !== undefined) await attempt((api) => api.close(), true).catch(() => {})
    last?.end()
  }
  const close = (): Promise<void> => {
    closing ??= end()
    return closing
  }
  return { ready: () => connect().then(() => {}), call, close }
}

/** An error that crossed from the worker has lost its class and fields: its name is its code. */
const fromWorker = (error: unknown): unknown =>
  isTidelogError(error) ? new TidelogError(error.name as TidelogErrorCode, error.message) : error
