import { identityChain, type StateRow } from '../protocol/rows.ts'
import { type OpenOptions, openDatabase } from './open-database.ts'
import { StoreError } from './store.ts'
import { toStoreError, transact } from './transact.ts'

export interface ConnectionOptions extends OpenOptions {
  /** Called when the browser took the connection away. The next run opens another one, or says what has become of it. */
  readonly onDropped?: () => void
}

/** The connection to one database, opened anew whenever it is asked for and broken; never to another database of its name. */
export class IdbConnection {
  readonly #options: ConnectionOptions
  #db: IDBDatabase | undefined
  #connecting: Promise<IDBDatabase> | undefined
  #identity: string | undefined
  /** It is being deleted. An open would wait behind the deletion, which others may hold up. */
  #gone: StoreError | undefined
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  get identity(): string {
    return this.#identity ?? ''
  }

  /** The one that is open. */
  get open(): IDBDatabase | undefined {
    return this.#db
  }

  /** One at a time: whoever asks while it is being opened waits for the same one. */
  async connect(): Promise<IDBDatabase> {
    if (this.#isClosed) throw new StoreError('closed', 'the store was closed')
    if (this.#gone) throw this.#gone
    this.#connecting ??= this.#openNow().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting.catch((error: unknown) => Promise.reject(toStoreError(error)))
  }

  /** Lets go of one that is broken. */
  drop(broken: IDBDatabase): void {
    // Whatever it has come to: one that stays open holds up a deletion for ever.
    broken.close()
    if (broken === this.#db) this.#db = undefined
  }

  /** No other one is opened from now on. */
  end(): void {
    this.#isClosed = true
  }

  async #openNow(): Promise<IDBDatabase> {
    const opened = await openDatabase(this.#options, this.#identity !== undefined)
    const dropped = (): void => {
      this.drop(opened)
      if (!this.#isClosed) this.#options.onDropped?.()
    }
    opened.addEventListener('close', dropped)
    opened.addEventListener('versionchange', ({ newVersion }) => {
      // Who asks for a deletion gets it: to open the database again would only make an empty one.
      if (newVersion === null) this.#gone = new StoreError('replaced', 'the database was deleted')
      dropped()
    })
    try {
      const [row] = await transact(opened, [{ op: 'get', store: 'state', key: [identityChain, 0] }], {})
      const found = String((row as StateRow | undefined)?.id)
      this.#identity ??= found
      if (this.#identity !== found) throw new StoreError('replaced', 'the database was replaced')
    } catch (error) {
      opened.close()
      throw error
    }
    this.#db = opened
    return opened
  }
}
