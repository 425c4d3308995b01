// A browser in one program: tabs with workers of their own over one IndexedDB, real channels between them, and for the
// pages a clock that stands still until it is moved. It counts what a tab asks of its worker, and its worker of the disk.

import type { EventMap, Log, Model } from 'tidelog'
import { MemoryChannels, MemoryLocks, seededRandom, VirtualClock } from 'tidelog/testing'
import { createLogClient } from '../../src/client/log-client.ts'
import type { AnyDecider } from '../../src/core/decider.ts'
import { createDeciders } from '../../src/core/rulings.ts'
import { createDeciding } from '../../src/log/deciding.ts'
import { browserClock, openBrowserChannel } from '../../src/platform/browser.ts'
import { channelName } from '../../src/protocol/notice.ts'
import {
  type AppendText,
  type ChangesAnswer,
  type ChangesRequest,
  databaseName,
  type KeptChanges,
  type KeptRow,
  workerProtocol,
} from '../../src/protocol/worker.ts'
import { openIdbStore } from '../../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts'
import { type Store, StoreError } from '../../src/store/store.ts'
import { automationsOf } from '../../worker/automate.ts'
import { Host } from '../../worker/host.ts'
import type { Automated, AutomateParts } from '../../worker/open-log.ts'

/** Resolves when it is so; lets the runtime go on meanwhile. Fails a test that waits for what never comes. */
export async function until(isSo: () => boolean, what = 'what is waited for'): Promise<void> {
  const start = performance.now()
  while (!isSo()) {
    if (performance.now() - start > 10_000) throw new Error(`${what} did not come`)
    await turn()
  }
}
/** A turn of the event loop, with messages and storage events. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

/** What the tabs of this program wait for. */
const activity = {
  underWay: 0,
  /** Beginnings and ends so far. */
  steps: 0,
  async during<T>(running: Promise<T>): Promise<T> {
    this.underWay++
    this.steps++
    try {
      return await running
    } finally {
      this.underWay--
      this.steps++
    }
  },
}
/** Longer, all together, than a notice waits for those behind it, which is in real time. */
const stillTurns = 4
const turnMs = 3
/** Waits for what is under way to arrive, and for what comes of it: to show that nothing else does. */
export async function quiet(): Promise<void> {
  for (let still = 0; still < stillTurns; ) {
    const { steps } = activity
    await new Promise((resolve) => setTimeout(resolve, turnMs))
    still = activity.underWay === 0 && activity.steps === steps ? still + 1 : 0
  }
}

type Forestall = (row: KeptRow, keep: (changes: KeptChanges) => Promise<boolean>) => Promise<unknown>

export interface Tab<M extends EventMap, Ds extends AnyDecider> {
  readonly log: Log<M, Ds>
  /** What the tab asked for, since it was last cleared. */
  readonly asked: ChangesRequest[]
  /** Reads of the log on the disk, since they were last cleared. */
  readonly reads: string[]
  /** What consumers kept. */
  readonly kept: KeptChanges[]
  /** What it appended. */
  readonly appended: AppendText[]
  /** Makes what consumers keep fail from here on. */
  refuseToKeep(error: unknown): void
  /** Called before a consumer adds a row: what is kept then was first. */
  forestall(first: Forestall): void
  /** Makes what consumers append fail from here on. */
  refuseToAppend(error: unknown): void
  /** Every further question to the worker fails. */
  loseWorker(error: unknown): void
  /** Alters what the worker answers from here on. */
  alter(change: (answer: ChangesAnswer) => ChangesAnswer): void
  /** Notices no longer reach this tab. */
  deafen(isDeaf: boolean): void
}

/** It may be set otherwise than time passes; timers go on as they are. */
export class SetClock extends VirtualClock {
  offMs = 0
  override now(): number {
    return super.now() + this.offMs
  }
}

export class Harness {
  readonly clock = new SetClock(Date.now())
  readonly random = seededRandom(3)
  readonly key = `${crypto.randomUUID()}`
  readonly #locks = new MemoryLocks(this.clock)
  readonly #holders = new MemoryChannels()
  readonly #logs: { close(): Promise<void> }[] = []

  openTab<M extends EventMap, Ds extends readonly AnyDecider[]>(model: Model<M, Ds>): Tab<M, Ds[number]> {
    const { clock, random } = this
    const asked: ChangesRequest[] = []
    const reads: string[] = []
    const kept: KeptChanges[] = []
    const appended: AppendText[] = []
    let isDeaf = false
    let keepError: unknown
    let forestall: Forestall = async () => {}
    let appendError: unknown
    let lost: unknown
    let change = (answer: ChangesAnswer): ChangesAnswer => answer
    const openChannel: typeof openBrowserChannel = (name, onMessage) =>
      // Who holds a lock answers in no time, as the clock of its pages passes.
      (name.endsWith('/holder') ? this.#holders.open : openBrowserChannel)(name, (message) => {
        activity.steps++
        if (!isDeaf) onMessage(message)
      })
    const newId = () => crypto.randomUUID()
    const { automate, stampsOrigin = false } = automationsOf(model)
    const onClock = (parts: AutomateParts): Automated => automate?.({ ...parts, clock }) as Automated
    const host = new Host(
      {
        clock: browserClock,
        random,
        locks: this.#locks,
        fetch: async () => new Response(null, { status: 503 }),
        openChannel,
        openStore: async (name) => counting(await openIdbStore({ name, newId, clock: browserClock }), reads),
        openFallback: () => openMemoryStore(createMemoryDatabase(newId())),
      },
      {
        deciding: createDeciding(createDeciders(model.deciders)),
        stampsOrigin,
        ...(automate && { automate: onClock }),
      },
    )
    const { changes, keep, append } = host
    host.append = async (batch) => {
      if (appendError !== undefined && batch.some(([commit]) => commit.includes('/'))) throw appendError
      appended.push(...batch)
      return append.call(host, batch)
    }
    host.changes = async (request) => {
      asked.push(request)
      if (lost !== undefined) throw lost
      return change(await activity.during(changes.call(host, request)))
    }
    host.keep = async (request) => {
      if (keepError !== undefined) throw keepError
      for (const row of request.add ?? []) await forestall(row, (changes) => keep.call(host, changes))
      kept.push(request)
      return keep.call(host, request)
    }
    const log = createLogClient(model, databaseName(model.name, this.key), {
      clock,
      random,
      locks: this.#locks,
      openChannel,
      start: async () => {
        const opened = await host.open({
          protocol: workerProtocol,
          log: model.name,
          key: this.key,
          durability: 'relaxed',
          requireDurable: true,
          aliveLock: random.newId(),
        })
        if (!opened.ok) throw new Error(opened.reason.message)
        return { api: host, opened, end: () => {}, lost: new Promise(() => {}) }
      },
    })
    this.#logs.push(log)
    return {
      log,
      asked,
      reads,
      kept,
      appended,
      refuseToKeep: (error) => {
        keepError = error
      },
      forestall: (value) => {
        forestall = value
      },
      refuseToAppend: (error) => {
        appendError = error
      },
      loseWorker: (error) => {
        lost = error
      },
      alter: (value) => {
        change = value
      },
      deafen: (value) => {
        isDeaf = value
      },
    }
  }

  /** The channel on which the tabs of a log tell each other that it moved. */
  channelOf(model: Model<EventMap>): string {
    return channelName(databaseName(model.name, this.key))
  }

  /** Says something on the channel of a log that no tab can read. */
  babble(model: Model<EventMap>): void {
    const channel = openBrowserChannel(this.channelOf(model), () => {})
    channel.post('?')
    channel.close()
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

  async close(): Promise<void> {
    let isClosed = false
    const closing = Promise.all(this.#logs.map((log) => log.close())).finally(() => {
      isClosed = true
    })
    // What is under way is given some time.
    for (await quiet(); !isClosed; await quiet()) this.clock.step()
    await closing
  }
}

export const storageLost = (): StoreError => new StoreError('lost', 'no storage')

function counting(store: Store, reads: string[]): Store {
  return {
    identity: store.identity,
    durable: store.durable,
    run: (requests, options) => {
      const stores = [...new Set(requests.map((request) => request.store))]
      if (options?.write !== true && !stores.includes('state')) reads.push(stores.sort().join(' '))
      return activity.during(store.run(requests, options))
    },
    close: () => store.close(),
  }
}
