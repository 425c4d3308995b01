// One browser whose tabs may run different versions of an app, over one database, and the server they share.

import type { EventMap, Log, Model } from 'tidelog'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { Line, MemoryChannels, MemoryLocks, seededRandom, VirtualClock } from 'tidelog/testing'
import { createLogClient } from '../src/client/log-client.ts'
import type { AnyDecider } from '../src/core/decider.ts'
import { createDeciders } from '../src/core/rulings.ts'
import { createDeciding } from '../src/log/deciding.ts'
import { databaseName, workerProtocol } from '../src/protocol/worker.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { Host } from '../worker/host.ts'

type Serve = ReturnType<typeof createSyncHandler>

/** A server, its clock, and browsers that hang on it. Time passes only when it is let. */
export class Network {
  readonly clock = new VirtualClock()
  readonly random = seededRandom(7)
  readonly #serve: Serve
  readonly #tabs: { close(): Promise<void> }[] = []

  constructor(model: Model<EventMap>) {
    this.#serve = createSyncHandler({ model, store: memoryStore(), clock: this.clock })
  }

  openBrowser(options: { readonly isLocal?: boolean } = {}): Browser {
    return new Browser(this, (request) => this.#serve(request), options.isLocal === true)
  }
  note(tab: { close(): Promise<void> }): void {
    this.#tabs.push(tab)
  }

  /** Lets time pass, and everything happen that is due. */
  async pass(ms: number): Promise<void> {
    let isOver = false
    this.clock.after(ms, () => {
      isOver = true
    })
    while (!isOver) {
      await turns()
      this.clock.step()
    }
    await turns()
  }

  async close(): Promise<void> {
    this.#serve.stop()
    let isClosed = false
    const closing = Promise.all(this.#tabs.map((tab) => tab.close())).finally(() => {
      isClosed = true
    })
    for (await turns(); !isClosed; await turns()) this.clock.step()
    await closing
  }
}

/** Several turns of the runtime's own loop: streams and fetch bodies need them. */
export async function turns(): Promise<void> {
  for (let nth = 0; nth < 10; nth++) await new Promise(setImmediate)
}

export class Browser {
  readonly #network: Network
  readonly #line: Line
  readonly #isLocal: boolean
  readonly #channels = new MemoryChannels()
  readonly #locks: MemoryLocks
  readonly #database: ReturnType<typeof createMemoryDatabase>

  constructor(network: Network, serve: (request: Request) => Promise<Response>, isLocal: boolean) {
    this.#network = network
    this.#line = new Line(serve)
    this.#isLocal = isLocal
    this.#locks = new MemoryLocks(network.clock)
    this.#database = createMemoryDatabase(network.random.newId())
  }

  offline(): void {
    this.#line.cut()
  }
  /** The tabs have to be told: `log.sync.now()`. */
  online(): void {
    this.#line.mend()
  }

  /** A tab of an app with this model; its worker may lack the rules, as the package's own does. */
  openTab<M extends EventMap, Ds extends readonly AnyDecider[]>(
    model: Model<M, Ds>,
    options: { readonly hasRules?: boolean } = {},
  ): Log<M, Ds[number]> {
    const { clock, random } = this.#network
    const store = () => openMemoryStore(this.#database, { durable: true })
    const ports = {
      clock,
      random,
      locks: this.#locks,
      fetch: this.#line.fetch,
      openChannel: this.#channels.open,
      openStore: async () => store(),
      openFallback: store,
    }
    const host = new Host(ports, {
      ...(options.hasRules === false ? {} : { deciding: createDeciding(createDeciders(model.deciders)) }),
      sync: ({ log }) => (this.#isLocal ? undefined : { url: `http://server.test/sync/${log}` }),
    })
    const log = createLogClient(model, databaseName(model.name), {
      clock,
      random,
      locks: this.#locks,
      openChannel: this.#channels.open,
      start: async () => {
        const opened = await host.open({
          protocol: workerProtocol,
          log: model.name,
          key: '',
          durability: 'relaxed',
          requireDurable: true,
          aliveLock: random.newId(),
        })
        if (!opened.ok) throw new Error(opened.reason.message)
        return { api: host, opened, end: () => {}, lost: new Promise(() => {}) }
      },
    })
    this.#network.note(log)
    return log as Log<M, Ds[number]>
  }
}
