import { TidelogError } from '../core/errors.ts'
import type { WorkerApi } from '../protocol/worker.ts'

/** A worker that has opened the log. */
export interface Session {
  readonly api: WorkerApi
  /** Calls back once when the worker is dead. */
  readonly onLost: (callback: () => void) => void
  /** Ends the worker. */
  readonly end: () => void
}

/** Calls of a worker that may die: a call is made again on a new worker once, then it rejects with `tidelog/worker-lost`. */
export class Connection {
  readonly #start: () => Promise<Session>
  #session: Promise<Session> | undefined
  #closed = false
  readonly #calls = new Set<(error: Error) => void>()

  constructor(start: () => Promise<Session>) {
    this.#start = start
  }

  /** Starts the worker, if it is not there. */
  async ready(): Promise<void> {
    await this.#ready()
  }

  async call<T>(use: (api: WorkerApi) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      if (this.#closed) throw new TidelogError('tidelog/log-closed', 'the log is closed')
      const session = await this.#ready()
      try {
        return await this.#race(use(session.api))
      } catch (error) {
        const isLost = error instanceof TidelogError && error.code === 'tidelog/worker-lost'
        // Every call may be repeated: appends carry their ids, everything else reads or sets.
        if (!isLost || attempt > 0) throw error
      }
    }
  }

  /** Ends after the calls under way. */
  async close(): Promise<void> {
    if (this.#closed) return
    const session = await this.#session?.catch(() => undefined)
    if (session !== undefined) await this.#race(session.api.close()).catch(() => {})
    this.#closed = true
    session?.end()
    this.#reject(new TidelogError('tidelog/log-closed', 'the log was closed'))
  }

  #ready(): Promise<Session> {
    if (this.#session !== undefined) return this.#session
    const session = this.#start()
    this.#session = session
    session.then(
      ({ onLost }) =>
        onLost(() => {
          if (this.#session === session) this.#session = undefined
          this.#reject(new TidelogError('tidelog/worker-lost', 'the worker of the log is gone'))
        }),
      () => {
        if (this.#session === session) this.#session = undefined
      },
    )
    return session
  }

  /** Rejects when the worker dies first. One entry for each call under way: `Promise.race` would keep them all. */
  #race<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#calls.add(reject)
      call.then(resolve, (error: unknown) => reject(fromWorker(error))).finally(() => this.#calls.delete(reject))
    })
  }

  #reject(error: Error): void {
    for (const reject of [...this.#calls]) reject(error)
  }
}

/** An error that crossed from the worker has lost its class and fields: its name says what it was. */
function fromWorker(error: unknown): unknown {
  if (!(error instanceof Error) || (error.name !== 'StoreError' && error.name !== 'TidelogError')) return error
  return new TidelogError('tidelog/storage-lost', error.message, { cause: error })
}
