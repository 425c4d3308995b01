import { createCell } from '../core/observable.ts'
import type { MovedNotice, SyncLink } from '../protocol/notice.ts'
import type { Connection } from './connection.ts'
import type { Opened } from './log-client.ts'
import type { OpenOptions, SyncControl, SyncStatus } from './types.ts'

/** The state of sync as the page shows it: what the syncing worker says, and what this device holds. */
export class SyncPanel implements SyncControl {
  readonly #connection: Connection
  readonly #credentials: OpenOptions['credentials']
  readonly #cell = createCell<SyncStatus>({
    state: 'starting',
    synced: false,
    pending: 0,
    confirmed: 0,
    sent: 0,
    serverHead: 0,
  })
  #isAsking = false

  constructor(connection: Connection, credentials: OpenOptions['credentials']) {
    this.#connection = connection
    this.#credentials = credentials
  }

  readonly get = (): SyncStatus => this.#cell.get()
  readonly subscribe = (onChange: () => void): (() => void) => this.#cell.subscribe(onChange)
  readonly now = (): void => this.#ask('now')
  readonly pause = (): void => this.#ask('pause')
  readonly resume = (): void => this.#ask('resume')

  opened({ sync, head, pending }: Opened): void {
    this.#show(sync, head.confirmed, pending)
  }

  hear(link: SyncLink): void {
    const { confirmed, pending } = this.#cell.get()
    this.#show(link, confirmed, pending)
    if (link.state === 'needs-credentials') this.#refreshCredentials()
  }

  moved(notice: MovedNotice | undefined): void {
    if (notice !== undefined) {
      const { synced: _synced, confirmed: _confirmed, pending: _pending, ...link } = this.#cell.get()
      this.#show(link, notice.confirmed, notice.pending)
    }
  }

  #show(link: SyncLink, confirmed: number, pending: number): void {
    const synced = pending === 0 && link.state === 'live' && confirmed >= link.serverHead
    this.#cell.set({ ...link, synced, confirmed, pending })
  }

  #ask(wish: 'now' | 'pause' | 'resume'): void {
    this.#connection.call((api) => api.askSync(wish)).catch(() => {})
  }

  /** Once at a time: the worker says again that it needs them when these are refused too. */
  #refreshCredentials(): void {
    const credentials = this.#credentials
    if (credentials === undefined || this.#isAsking) return
    this.#isAsking = true
    Promise.resolve()
      .then(credentials)
      .then((headers) => this.#connection.call((api) => api.setCredentials(headers)))
      .catch(() => {})
      .finally(() => {
        this.#isAsking = false
      })
  }
}
