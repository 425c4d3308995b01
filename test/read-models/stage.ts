// One browser over a real or a simulated IndexedDB, and the server that it syncs with. Time passes only when it is let.
import type { EventMap, Log, Model } from 'tidelog'
import { openReadModel } from 'tidelog/read-model'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { Line, MemoryChannels, MemoryLocks, seededRandom, VirtualClock } from 'tidelog/testing'
import { afterEach, beforeEach } from 'vitest'
import { createLogClient } from '../../src/client/log-client.ts'
import type { AnyDecider } from '../../src/core/decider.ts'
import type { Locks, OpenChannel } from '../../src/core/ports.ts'
import { browserClock, openBrowserChannel } from '../../src/platform/browser.ts'
import { databaseName, type KeptChanges, type KeptRow, workerProtocol } from '../../src/protocol/worker.ts'
import { openIdbStore } from '../../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts'
import { automationsOf } from '../../worker/automate.ts'
import { Host } from '../../worker/host.ts'
import { events, shop, stock } from './stock.ts'

type AnyModel = Model<EventMap, readonly AnyDecider[]>

export interface Tab<L> {
  readonly log: L
  /** What it keeps, of read models and consumers. */
  readonly kept: KeptChanges[]
  /** How many rows it was given at each look. */
  readonly looked: number[]
  /** Called before each write: may wait, or throw. */
  beforeKeep: (changes: KeptChanges) => Promise<unknown>
  listKept: (chain: string) => Promise<readonly KeptRow[]>
  close: () => Promise<void>
}

/** A browser takes 4 ms for each. */
const turns = typeof document === 'undefined' ? 8 : 3
/** Some turns of the event loop, with messages and storage events. */
async function quiet(): Promise<void> {
  for (let nth = 0; nth < turns; nth++) await new Promise((resolve) => setTimeout(resolve, 0))
}

export class Stage {
  readonly clock = new VirtualClock(Date.now())
  readonly random = seededRandom(5)
  /** Everybody gets every lock at once. */
  locks: Locks = new MemoryLocks(this.clock)
  readonly #holders = new MemoryChannels()
  readonly #key = crypto.randomUUID()
  readonly #server: ReturnType<typeof createSyncHandler>
  readonly #line: Line
  readonly #logs: { close(): Promise<void> }[] = []

  constructor() {
    this.#server = createSyncHandler({ model: shop, store: memoryStore(), clock: this.clock })
    this.#line = new Line((request) => this.#server(request))
  }

  /** Who holds a lock answers in no time, as the clock passes. */
  readonly #openChannel: OpenChannel = (name, hear) =>
    (name.endsWith('/holder') ? this.#holders.open : openBrowserChannel)(name, hear)

  offline(): void {
    this.#line.cut()
  }
  online(): void {
    this.#line.mend()
  }

  openTab<M extends EventMap, Ds extends readonly AnyDecider[]>(
    model: Model<M, Ds>,
    { isSynced = false }: { readonly isSynced?: boolean } = {},
  ): Tab<Log<M, Ds[number]>> {
    const { clock, random, locks } = this
    const newId = () => crypto.randomUUID()
    const host = new Host(
      {
        clock,
        random,
        locks,
        fetch: this.#line.fetch,
        openChannel: this.#openChannel,
        openStore: (name) => openIdbStore({ name, newId, clock: browserClock }),
        openFallback: () => openMemoryStore(createMemoryDatabase(newId())),
      },
      {
        ...automationsOf(model as unknown as AnyModel),
        ...(isSynced && { sync: ({ log }) => ({ url: `http://server.test/sync/${log}` }) }),
      },
    )
    const log = createLogClient(model, databaseName(model.name, this.#key), {
      clock,
      random,
      locks,
      openChannel: this.#openChannel,
      start: async () => {
        const opened = await host.open({
          protocol: workerProtocol,
          log: model.name,
          key: this.#key,
          durability: 'relaxed',
          requireDurable: true,
          aliveLock: newId(),
        })
        if (!opened.ok) throw new Error(opened.reason.message)
        return { api: host, opened, end: () => {}, lost: new Promise(() => {}) }
      },
    })
    const closing = { close: () => this.during(log.close()) }
    this.#logs.push(closing)
    const { keep, lookUp } = host
    const tab: Tab<Log<M, Ds[number]>> = {
      log,
      kept: [],
      looked: [],
      beforeKeep: async () => {},
      listKept: (chain) => host.listKept(chain),
      ...closing,
    }
    host.keep = async (changes) => {
      await tab.beforeKeep(changes)
      tab.kept.push(changes)
      return keep.call(host, changes)
    }
    host.lookUp = async (asks) => {
      const found = await lookUp.call(host, asks)
      tab.looked.push(found.reduce((sum, { rows }) => sum + rows.length, 0))
      return found
    }
    return tab
  }

  /** Lets time pass, and everything happen that is due. */
  async pass(ms: number): Promise<void> {
    let isOver = false
    this.clock.after(ms, () => {
      isOver = true
    })
    while (!isOver) {
      await quiet()
      this.clock.step()
    }
    await quiet()
  }

  /** Lets time pass for as long as something takes. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = promise.finally(() => {
      isDone = true
    })
    done.catch(() => {})
    for (await quiet(); !isDone; await quiet()) this.clock.step()
    return done
  }

  /** Waits until it is so, while time passes. */
  async until(isSo: () => boolean | Promise<boolean>, what = 'what is waited for'): Promise<void> {
    const start = performance.now()
    while (!(await isSo())) {
      if (performance.now() - start > 40_000) throw new Error(`${what} did not come`)
      await this.pass(100)
    }
  }

  async close(): Promise<void> {
    this.#server.stop()
    for (const log of this.#logs) await log.close()
  }
}

/** Grants every lock to everybody at once. */
export const noLocks: Locks = {
  request: async (_name, _options, hold) => {
    await hold()
    return true
  },
}

/** A browser for each test. */
export function stageForEach(): { readonly stage: () => Stage } {
  let stage: Stage
  beforeEach(() => {
    stage = new Stage()
  })
  afterEach(() => stage.close(), 60_000)
  return { stage: () => stage }
}

export type StockTab = ReturnType<typeof openStock>
export const openStock = (stage: Stage, options?: { readonly isSynced?: boolean }) => stage.openTab(shop, options)

/** Rows of stock in a tab. */
export const rowsIn = ({ log }: StockTab, model = stock) => openReadModel(log, model)
export const counted = (productId: string, count: number) => events.Counted({ productId, count })
export const named = (productId: string, name: string, ...tags: string[]) => events.Named({ productId, name, tags })
/** So many products, `p000` with a count of 0, `p001` of 1 … */
export const products = (many: number, from = 0) =>
  Array.from({ length: many }, (_, at) => counted(`p${String(from + at).padStart(3, '0')}`, from + at))
