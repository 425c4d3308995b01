import { type IDBPDatabase, openDB, unwrap } from 'idb'
import type { Clock } from '../core/ports.ts'
import { identityChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import { isStoreError, keyPaths, type Request, type Results, type RunOptions, type Store, StoreError } from './store.ts'
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
  const store = new IdbStore(options)
  await store.connect()
  return store
}

class IdbStore implements Store {
  readonly durable = true
  readonly #options: IdbOptions
  #db: IDBDatabase | undefined
  #connecting: Promise<void> | undefined
  #identity: string | undefined
  #closed = false
  readonly #under = new Set<Promise<unknown>>()

  constructor(options: IdbOptions) {
    this.#options = options
  }

  get identity(): string {
    return this.#identity ?? ''
  }

  run<const R extends readonly Request[]>(requests: R, options: RunOptions = {}): Promise<Results<R>> {
    const running = this.#attempt(requests, options).catch(async (error: unknown) => {
      // A read may be repeated; whether a write took effect is for the caller to look up by id.
      if (!isStoreError(error, 'lost') || options.write === true) throw error
      await this.connect()
      return this.#attempt(requests, options)
    })
    this.#under.add(running)
    const forget = (): void => {
      this.#under.delete(running)
    }
    running.then(forget, forget)
    return running as Promise<Results<R>>
  }

  /** One connection at a time: whoever asks while it is being opened waits for the same one. */
  connect(): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreError('closed', 'the store was closed'))
    if (this.#db !== undefined) return Promise.resolve()
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async close(): Promise<void> {
    this.#closed = true
    while (this.#under.size > 0) await Promise.allSettled([...this.#under])
    this.#drop()
  }

  #attempt(requests: readonly Request[], options: RunOptions): Promise<unknown[]> {
    const db = this.#db
    if (db === undefined) return this.connect().then(() => this.#attempt(requests, options))
    try {
      return transact(db, requests, options).catch((error: unknown) => {
        if (isStoreError(error, 'lost')) this.#drop()
        throw error
      })
    } catch (error) {
      // The browser closed the connection under us: nothing was sent, so the attempt may be repeated even if it writes.
      this.#drop()
      if (error instanceof DOMException && error.name === 'InvalidStateError')
        return this.connect().then(() => this.#attempt(requests, options))
      return Promise.reject(toStoreError(error))
    }
  }

  async #open(): Promise<void> {
    const opened = await this.#openInTime()
    const [row] = await this.#readIdentity(unwrap(opened)).catch((error: unknown) => {
      opened.close()
      throw toStoreError(error)
    })
    const identity = String((row as StateRow | undefined)?.id)
    if (this.#identity !== undefined && this.#identity !== identity) {
      opened.close()
      throw new StoreError('replaced', 'the database was deleted and made anew')
    }
    this.#identity = identity
    this.#db = unwrap(opened)
  }

  /** Async, since a connection that is closing makes `transaction` throw. */
  async #readIdentity(db: IDBDatabase): Promise<readonly unknown[]> {
    return transact(db, [{ op: 'get', store: 'state', key: [identityChain, 0] }], {})
  }

  #openInTime(): Promise<IDBPDatabase> {
    const { clock, openTimeoutMs = 15_000 } = this.#options
    const opening = this.#openNow()
    return new Promise((resolve, reject) => {
      const callOff = clock.after(openTimeoutMs, () => {
        reject(new StoreError('lost', `storage did not answer within ${openTimeoutMs} ms`))
        opening.then((late) => late.close()).catch(() => {})
      })
      opening.then(resolve, (error: unknown) => reject(toStoreError(error))).finally(callOff)
    })
  }

  /** Async, since `indexedDB` may be missing, or throw where storage is forbidden. */
  async #openNow(): Promise<IDBPDatabase> {
    return openDB(this.#options.name, version, {
      upgrade: (db, _from, _to, transaction) => {
        for (const [store, keyPath] of Object.entries(keyPaths))
          db.createObjectStore(store, { keyPath: typeof keyPath === 'string' ? keyPath : [...keyPath] })
        const identity: StateRow = { chain: identityChain, n: 0, format: rowFormat, id: this.#options.newId() }
        void transaction.objectStore('state').add(identity)
      },
      blocking: (_current, _blocked, { target }) => {
        // Whatever this connection has come to: one that stays open holds up a deletion for ever.
        if (target instanceof IDBDatabase) target.close()
        this.#drop()
      },
      terminated: () => this.#drop(),
    })
  }

  #drop(): void {
    this.#db?.close()
    this.#db = undefined
  }
}
