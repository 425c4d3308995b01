// One origin in one thread: `openLog` as an app calls it, with workers of its own over databases that all of them share.

import { expose } from 'comlink'
import { type AnyDecider, type EventMap, type Log, type Model, type OpenOptions, openLog } from 'tidelog'
import type { Locks } from '../src/core/ports.ts'
import { createDeciders } from '../src/core/rulings.ts'
import { createDeciding } from '../src/log/deciding.ts'
import { browserClock, browserLocks, browserRandom, openBrowserChannel } from '../src/platform/browser.ts'
import { openMemoryStore } from '../src/store/memory-store.ts'
import { StoreError } from '../src/store/store.ts'
import { Host } from '../worker/host.ts'
import type { HostOptions } from '../worker/open-log.ts'
import { Disk } from './disk.ts'

// What a page has and Node has not.
if (typeof navigator === 'undefined') Object.defineProperty(globalThis, 'navigator', { value: {} })

export interface OriginOptions {
  /** The server of all logs; without it each is its own sequencer. */
  readonly serve?: ((request: Request) => Promise<Response>) | undefined
  /** The rules of its workers. */
  readonly deciders?: readonly AnyDecider[]
  readonly locks?: Locks
  /** Called before a database is opened. */
  readonly onOpening?: (name: string) => Promise<void>
  /** False where the browser gives no storage. */
  readonly hasStorage?: boolean
}

export class Origin {
  /** By name. */
  readonly disks = new Map<string, Disk>()
  readonly #options: OriginOptions
  #serve: OriginOptions['serve']
  readonly #opened: { close(): Promise<void> }[] = []

  constructor(options: OriginOptions = {}) {
    this.#options = options
    this.#serve = options.serve
  }

  open<M extends EventMap, Ds extends readonly AnyDecider[]>(
    model: Model<M, Ds>,
    options: Omit<OpenOptions, 'worker'> = {},
  ): Log<M, Ds[number]> {
    const log = openLog(model, { ...options, worker: () => this.#startWorker() })
    this.#opened.push(log)
    return log
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((log) => log.close()))
  }

  /** From now on the server, or none. */
  serve(serve: OriginOptions['serve']): void {
    this.#serve = serve
  }

  #fetch(request: Request): Promise<Response> {
    return this.#serve?.(request) ?? Promise.reject(new TypeError('there is no server'))
  }

  #startWorker(): Worker {
    const { hasStorage = true, deciders, locks = browserLocks } = this.#options
    const { port1, port2 } = new MessageChannel()
    const sync: HostOptions['sync'] = ({ log }) => ({ url: `http://server.test/sync/${encodeURIComponent(log)}` })
    const openFallback = () => openMemoryStore(new Disk(browserRandom.newId()).database)
    const host = new Host(
      {
        clock: browserClock,
        random: browserRandom,
        locks,
        fetch: (request) => this.#fetch(request),
        openChannel: openBrowserChannel,
        openStore: async (name) => {
          await this.#options.onOpening?.(name)
          if (!hasStorage) throw new StoreError('lost', 'this browser gives no storage')
          const disk = this.disks.get(name) ?? new Disk(browserRandom.newId())
          this.disks.set(name, disk)
          return openMemoryStore(disk.database, { durable: true })
        },
        deleteStore: async (name) => this.disks.delete(name) || true,
        openFallback,
      },
      { ...(this.#serve && { sync }), ...(deciders && { deciding: createDeciding(createDeciders(deciders)) }) },
    )
    expose(host, port2)
    const terminate = (): void => {
      port1.close()
      port2.close()
    }
    return Object.assign(port1, { terminate, onerror: null }) as unknown as Worker
  }
}
