import { type ConnectionOptions, IdbConnection } from './idb-connection.ts'
import { isStoreError, type Request, type Results, type RunOptions, type Store } from './store.ts'
import { leaveTornTail } from './torn-tail.ts'
import { toStoreError, transact } from './transact.ts'

/** A connection that is closed as soon as it is opened is opened again this often. */
const reopensMax = 3

/** Opens a database, creating it when it is not there. Rejects with a `StoreError` when storage can't be had. */
export async function openIdbStore(options: ConnectionOptions): Promise<Store> {
  const connection = new IdbConnection(options)
  const under = new Set<Promise<unknown>>()
  const attempt = async (
    requests: readonly Request[],
    options: RunOptions,
    left: number = reopensMax,
  ): Promise<unknown[]> => {
    const db = connection.open ?? (await connection.connect())
    try {
      if (options.write === true) leaveTornTail(db)
      return await connection.during(transact(db, requests, options))
    } catch (error) {
      const failure = toStoreError(error)
      if (failure.kind === 'lost') connection.drop(db)
      // The browser closed the connection under us: nothing was sent, so the attempt may be repeated even if it writes.
      if (left > 0 && error instanceof DOMException && error.name === 'InvalidStateError')
        return attempt(requests, options, left - 1)
      throw failure
    }
  }
  await connection.connect()
  return {
    durable: true,
    identity: connection.identity,
    run<const R extends readonly Request[]>(requests: R, options: RunOptions = {}) {
      const running = attempt(requests, options).catch((error: unknown) => {
        // A read may be repeated; whether a write took effect is for the caller to look up by id.
        if (!isStoreError(error, 'lost') || options.write === true) throw error
        return attempt(requests, options)
      })
      under.add(running)
      const forget = (): unknown => under.delete(running)
      running.then(forget, forget)
      return running as Promise<Results<R>>
    },
    async close() {
      connection.end()
      while (under.size > 0) await Promise.allSettled(under)
      const { open } = connection
      if (open) connection.drop(open)
    },
  }
}
