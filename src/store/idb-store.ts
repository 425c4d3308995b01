import { type IDBPDatabase, openDB, unwrap } from 'idb'
import type { Clock } from '../core/ports.ts'
import { identityChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import { isStoreError, keyPaths, type Request, type Results, type RunOptions, type Store, StoreError } from './store.ts'
import { leaveTornTail } from './torn-tail.ts'
import { toStoreError, transact } from './transact.ts'

export interface IdbOptions {
  readonly name: string
  readonly newId: () => string
  readonly clock: Clock
  /** An open that takes longer counts as storage that is not to be had. */
  readonly openTimeoutMs?: number
}

/** The IndexedDB version, for ever: a frozen old tab would block an upgrade, so formats are numbers inside rows. */
const version = 1

/** Opens a database, creating it when it is not there. Rejects with {@link StoreError} `lost` when storage can't be had. */
export async function openIdbStore(options: IdbOptions): Promise<Store> {
  let db: IDBDatabase | undefined
  let connecting: Promise<IDBDatabase> | undefined
  let identity: string | undefined
  let closed = false
  const under = new Set<Promise<unknown>>()
  const drop = (): void => {
    db?.close()
    db = undefined
  }
  const open = async (): Promise<IDBDatabase> => {
    const opened = unwrap(await openInTime(options, drop))
    try {
      const [row] = await transact(opened, [{ op: 'get', store: 'state', key: [identityChain, 0] }], {})
      const found = String((row as StateRow | undefined)?.id)
      identity ??= found
      if (identity !== found) throw new StoreError('replaced', 'the database was replaced')
    } catch (error) {
      opened.close()
      throw error
    }
    db = opened
    return db
  }
  /** One connection at a time: whoever asks while it is being opened waits for the same one. */
  const connect = async (): Promise<IDBDatabase> => {
    if (closed) throw new StoreError('closed', 'the store was closed')
    connecting ??= open().finally(() => {
      connecting = undefined
    })
    return connecting.catch((error: unknown) => Promise.reject(toStoreError(error)))
  }
  const attempt = async (requests: readonly Request[], options: RunOptions): Promise<unknown[]> => {
    const connected = db ?? (await connect())
    try {
      if (options.write === true) leaveTornTail(connected)
      return await transact(connected, requests, options)
    } catch (error) {
      const failure = toStoreError(error)
      if (failure.kind === 'lost') drop()
      // The browser closed the connection under us: nothing was sent, so the attempt may be repeated even if it writes.
      if (error instanceof DOMException && error.name === 'InvalidStateError') return attempt(requests, options)
      throw failure
    }
  }
  await connect()
  return {
    durable: true,
    get identity() {
      return identity ?? ''
    },
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
      closed = true
      while (under.size > 0) await Promise.allSettled(under)
      drop()
    },
  }
}

function openInTime(options: IdbOptions, drop: () => void): Promise<IDBPDatabase> {
  const { clock, openTimeoutMs = 15_000 } = options
  const opening = openNow(options, drop)
  return new Promise((resolve, reject) => {
    const callOff = clock.after(openTimeoutMs, () => {
      reject(new StoreError('lost', `storage does not answer in ${openTimeoutMs} ms`))
      opening.then((late) => late.close()).catch(() => {})
    })
    opening.then(resolve, reject).finally(callOff)
  })
}

/** Async, since `indexedDB` may be missing, or throw where storage is forbidden. */
async function openNow({ name, newId }: IdbOptions, drop: () => void): Promise<IDBPDatabase> {
  return openDB(name, version, {
    upgrade: (db, _from, _to, transaction) => {
      for (const [store, keyPath] of Object.entries(keyPaths)) db.createObjectStore(store, { keyPath })
      const identity: StateRow = { chain: identityChain, n: 0, format: rowFormat, id: newId() }
      void transaction.objectStore('state').add(identity)
      // Opening rejects when this aborts; nobody else waits for it.
      transaction.done.catch(() => {})
    },
    blocking: (_current, _blocked, { target }) => {
      // Whatever this connection has come to: one that stays open holds up a deletion for ever.
      if (target instanceof IDBDatabase) target.close()
      drop()
    },
    terminated: drop,
  })
}
