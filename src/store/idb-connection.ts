import { createListeners } from '../core/observable.ts'
import { identityChain, type StateRow } from '../protocol/rows.ts'
import { inTime, type OpenOptions, openDatabase } from './open-database.ts'
import { isStoreError, StoreError } from './store.ts'
import { toStoreError, transact } from './transact.ts'

export interface ConnectionOptions extends OpenOptions {
  /** Called when the browser took the connection away. The next run opens another one, or says what has become of it. */
  readonly onDropped?: () => void
}

/** After this long, and again after as long, it is asked whether the database of what is under way is still there. */
const doubtMs = 5_000

/** The connection to one database, opened anew whenever it is asked for and broken; never to another database of its name. */
export class IdbConnection {
  readonly #options: ConnectionOptions
  #db: IDBDatabase | undefined
  #connecting: Promise<IDBDatabase> | undefined
  #asking: Promise<void> | undefined
  readonly #endings = createListeners<[StoreError]>()
  #identity: string | undefined
  /** It is deleted, or is about to be: an open would wait behind the deletion, which others may hold up. */
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

  /**
   * Waits for what was begun on a connection, but no longer than there is a database: what is under way when a user clears the
   * site's data gets no answer in Chromium, ever.
   */
  during<T>(running: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let callOff = (): void => {}
      const doubt = (): void => {
        callOff = this.#options.clock.after(doubtMs, () => {
          this.#ask()
          doubt()
        })
      }
      doubt()
      const end = (): void => {
        forget()
        callOff()
      }
      const forget = this.#endings.add((gone) => {
        end()
        reject(gone)
      })
      running.finally(end).then(resolve, reject)
    })
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
    const opened = await this.#openSame()
    this.#db = opened
    return opened
  }

  /** Looks whether the database is still there. If not, what is under way ends. */
  #ask(): void {
    this.#asking ??= this.#openSame()
      .then((db) => db.close())
      .catch(() => {})
      .finally(() => {
        this.#asking = undefined
      })
  }

  async #openSame(): Promise<IDBDatabase> {
    try {
      const opened = await openDatabase(this.#options, this.#identity !== undefined)
      this.#listen(opened)
      await this.#mustBeSame(opened).catch((error) => {
        opened.close()
        throw error
      })
      return opened
    } catch (error) {
      if (isStoreError(error, 'replaced')) {
        this.#gone ??= error
        this.#endings.tell(error)
      }
      throw error
    }
  }

  #listen(opened: IDBDatabase): void {
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
  }

  async #mustBeSame(opened: IDBDatabase): Promise<void> {
    const [row] = await inTime(
      transact(opened, [{ op: 'get', store: 'state', key: [identityChain, 0] }], {}),
      this.#options,
    )
    const found = String((row as StateRow | undefined)?.id)
    this.#identity ??= found
    if (this.#identity !== found) throw new StoreError('replaced', 'the database was replaced')
  }
}
