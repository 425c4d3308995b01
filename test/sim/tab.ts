import { type ClientPorts, createLogClient } from '../../src/client/log-client.ts'
import type { Random } from '../../src/core/ports.ts'
import { createDeciders } from '../../src/core/rulings.ts'
import { createDeciding } from '../../src/log/deciding.ts'
import type { SealOptions } from '../../src/log/seal.ts'
import { databaseName, type OpenAnswer, type Said, type WorkerApi, workerProtocol } from '../../src/protocol/worker.ts'
import { openIdbStore } from '../../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts'
import { Host } from '../../worker/host.ts'
import type { SimChannels, SimLocks } from './browser.ts'
import type { Chaos } from './chaos.ts'
import type { Disk } from './disk.ts'
import { registerDisk } from './indexed-db.ts'
import { model } from './model.ts'
import type { Line } from './network.ts'
import { Pipe, Realm, type Scheduler } from './scheduler.ts'

const openLog = (ports: ClientPorts) => createLogClient(model, databaseName(model.name), ports)
export type SimLog = ReturnType<typeof openLog>

/** What the tabs of one browser share. */
export interface Browser {
  readonly name: string
  readonly scheduler: Scheduler
  readonly chaos: Chaos
  readonly random: Random
  readonly disk: Disk
  readonly locks: SimLocks
  readonly channels: SimChannels
  readonly line: Line
  readonly skewMs: number
  /** How soon this browser packs what is confirmed. */
  readonly sealing: SealOptions
  /** How far this browser has to be behind to look for segments. */
  readonly downloadFrom: number
}

/** A worker that does not answer its opening in this time is given up, as the page does it in a browser. */
const openTimeoutMs = 30_000

/** A page and its worker, with the real code of both. */
export class Tab {
  readonly name: string
  readonly page: Realm
  readonly log: SimLog
  worker: Realm
  isClosed = false
  onWorkerDeath: () => void = () => {}
  /** How often it stood still: who waits for it must not blame it. */
  freezes = 0
  /** What its user has begun and not ended. */
  underWay = 0
  readonly #browser: Browser
  #workers = 0

  /** An app from before the rules: its worker knows no deciders. */
  readonly isOld: boolean

  constructor(browser: Browser, name: string, isOld: boolean) {
    const { scheduler, channels, random, skewMs } = browser
    this.#browser = browser
    this.name = name
    this.isOld = isOld
    this.page = new Realm(scheduler, `${name} page`)
    this.worker = this.page
    this.log = openLog({
      clock: this.page.clock(skewMs),
      random,
      openChannel: channels.of(this.page),
      start: (hear) => this.#start(hear),
    })
  }

  get isBusy(): boolean {
    return this.underWay > 0 && !this.page.isDead
  }
  get isAlive(): boolean {
    return !this.page.isDead && !this.isClosed
  }
  get isFrozen(): boolean {
    return this.page.isFrozen || this.worker.isFrozen
  }
  get isLeader(): boolean {
    return this.#browser.locks.holds(this.worker, '/leader')
  }

  kill(): void {
    this.page.kill()
    this.worker.kill()
  }
  freeze(onlyWorker: boolean): void {
    this.freezes += 1
    this.worker.freeze()
    if (!onlyWorker) this.page.freeze()
  }
  thaw(): void {
    this.worker.thaw()
    this.page.thaw()
  }
  async close(): Promise<void> {
    this.isClosed = true
    this.onWorkerDeath()
    this.underWay += 1
    await this.log.close()
    this.underWay -= 1
  }

  async #start(hear: (said: Said) => void) {
    const { scheduler, chaos } = this.#browser
    const worker = new Realm(scheduler, `${this.name} worker ${++this.#workers}`)
    this.worker = worker
    this.page.onDeath(() => worker.kill())
    const lost = new Promise<void>((resolve) => {
      worker.onDeath(() => {
        this.onWorkerDeath()
        this.page.post(10, resolve)
      })
    })
    const back = new Pipe(scheduler, this.page)
    const tell = (said: Said): void => {
      const copy = structuredClone(said)
      back.post(chaos.dice.skewed(0, 5), () => hear(copy))
    }
    const api = this.#connect(worker, this.#host(worker, tell), back)
    const aliveLock = this.#browser.random.newId()
    const request = {
      protocol: workerProtocol,
      log: model.name,
      key: '',
      durability: 'relaxed',
      requireDurable: true,
      aliveLock,
    } as const
    const opened = await Promise.race([
      api.open(request),
      lost.then((): never => {
        throw workerLost('the worker died')
      }),
      new Promise<OpenAnswer>((_, reject) => {
        this.page.post(openTimeoutMs, () => reject(workerLost('no answer')))
      }),
    ]).catch((error: unknown) => {
      worker.kill()
      throw error
    })
    if (!opened.ok) throw new Error(opened.reason.message)
    return { api, opened, lost, end: () => worker.kill() }
  }

  #host(worker: Realm, tell: (said: Said) => void): Host {
    const { disk, scheduler, random, locks, channels, line, skewMs, sealing, downloadFrom } = this.#browser
    const clock = worker.clock(skewMs)
    const place = `${this.name}/${scheduler.steps}/${this.#workers}`
    registerDisk(place, disk, worker)
    return new Host(
      {
        clock,
        random,
        locks: locks.of(worker),
        fetch: line.of(worker),
        openChannel: channels.of(worker),
        openStore: () => openIdbStore({ name: place, newId: random.newId, clock }),
        openFallback: () => openMemoryStore(createMemoryDatabase(random.newId())),
        tell,
      },
      {
        ...(this.isOld ? {} : { deciding: createDeciding(createDeciders(model.deciders)) }),
        sealing,
        downloadFrom,
        sync: ({ log }) => ({ url: `http://server.test/sync/${encodeURIComponent(log)}` }),
      },
    )
  }

  /** The worker's methods as the page sees them: copies there and back, in order, and an error keeps only its texts. */
  #connect(worker: Realm, host: Host, back: Pipe): WorkerApi {
    const { scheduler, chaos } = this.#browser
    const there = new Pipe(scheduler, worker)
    const ms = (): number => chaos.dice.skewed(0, 5)
    const cross = (name: string, args: readonly unknown[]): Promise<unknown> => {
      const copies = structuredClone(args)
      return new Promise((resolve, reject) => {
        const answer = (value: unknown): void => {
          const copy: unknown = structuredClone(value)
          back.post(ms(), () => resolve(copy))
        }
        const fail = (error: unknown): void => {
          const known = error instanceof Error ? error : new Error(String(error))
          const copy = Object.assign(new Error(known.message), { name: known.name, stack: known.stack })
          back.post(ms(), () => reject(copy))
        }
        const run = async (): Promise<unknown> => Reflect.get(host, name).apply(host, copies)
        there.post(ms(), () => void run().then(answer, fail))
      })
    }
    const get = (_target: object, name: string | symbol) =>
      typeof name === 'string' && name !== 'then' ? (...args: unknown[]) => cross(name, args) : undefined
    return new Proxy({}, { get }) as WorkerApi
  }
}

const workerLost = (message: string): Error => Object.assign(new Error(message), { name: 'tidelog/worker-lost' })
