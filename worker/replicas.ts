import { mustBe } from '../src/core/errors.ts'
import type { Appender } from '../src/log/appender.ts'
import { Engine } from '../src/log/engine.ts'
import { keptCopies } from '../src/log/kept.ts'
import {
  bring,
  dropContent,
  type Ending,
  endDatabase,
  forgetFrom,
  getFrom,
  getPointer,
  putFrom,
} from '../src/log/replica.ts'
import type { View } from '../src/log/view.ts'
import type {
  ArchiveData,
  AttachAnswer,
  Bring,
  BroughtAnswer,
  LeaveAnswer,
  Unsent,
  Wipe,
} from '../src/protocol/worker.ts'
import type { SyncController } from '../src/sync/controller.ts'
import {
  type Database,
  deleteAll,
  type Ended,
  namesOf,
  nextName,
  openArchive,
  openCurrent,
  waitingOf,
} from './databases.ts'
import type { HostPorts } from './host-ports.ts'
import { holdViewsLock, viewsLock } from './views-lock.ts'

export interface ReplicasOptions {
  readonly ports: HostPorts
  /** The log's own name for its database; it may rest in another one by now. */
  readonly base: string
  readonly name: string
  readonly engine: Engine
  readonly appender: Appender
  readonly sync: SyncController | undefined
  /** Tells the other tabs that the user signs out. */
  readonly tellLeave: () => void
  readonly close: () => Promise<void>
}

/** The databases of one log: the present one, those that were before, and others of this origin that it takes from. */
export class Replicas {
  readonly #options: ReplicasOptions
  #bringing: Promise<void> | undefined
  #isClosed = false

  constructor(options: ReplicasOptions) {
    this.#options = options
  }

  async adopt(what: Bring): Promise<void> {
    mustBe(what === 'missing' || what === 'pending' || what === 'nothing', 'what is brought over', what)
    await this.#goOn({ bring: what, mayBeDropped: false })
    await this.#options.close()
  }

  async attach(): Promise<AttachAnswer> {
    const { engine, sync, close } = this.#options
    await engine.catchUp()
    if (sync === undefined || engine.view.local !== true) return { ok: false, reason: { type: 'NotLocal' } }
    for (;;) {
      const pushed = await sync.pushAll()
      if (!pushed.ok) return pushed
      const isAllPushed = (): boolean => engine.view.confirmed.head.position === pushed.through
      // Until the replica has it, the server may lose it again.
      const ending = { bring: 'missing', mayBeDropped: true, pushed: pushed.last } as const
      // Otherwise something was appended meanwhile: that has to be there, too.
      if (!(await this.#goOn(ending, isAllPushed))) continue
      await close()
      return { ok: true }
    }
  }

  /** Makes the database that comes next, and ends this one. One tab at a time: what is copied must not come later than others go there. */
  async #goOn(how: Omit<Ending, 'to'>, mayEnd?: () => boolean): Promise<boolean> {
    const { ports, name, engine } = this.#options
    mustBe(engine.store.durable, 'a replica', 'kept in memory')
    const to = nextName(name)
    let hasEnded = false
    await ports.locks.request(`${name}/end`, {}, async () => {
      await engine.catchUp()
      engine.mustGoOn()
      const store = await ports.openStore(to)
      try {
        // The positions are the same there, so what consumers have done stays done.
        if (how.mayBeDropped) for await (const puts of keptCopies(engine.store)) await store.run(puts, { write: true })
        await putFrom(store, name)
      } finally {
        await store.close()
      }
      hasEnded = await endDatabase(engine, { ...how, to }, mayEnd)
    })
    return hasEnded
  }

  async importFrom(database: string, after: number): Promise<BroughtAnswer> {
    const { ports, base } = this.#options
    mustBe(database !== base, 'another log', database)
    const source = await openCurrent(ports, database)
    return this.#reading(source, (engine) => bring(this.#options, engine, 'missing', after))
  }

  async listArchives(): Promise<readonly ArchiveData[]> {
    const { ports, base, engine } = this.#options
    const names = await namesOf(ports, base)
    const waiting = await waitingOf(ports, engine.store)
    const archives: ArchiveData[] = []
    for (const name of names.slice(0, -1)) {
      const store = await ports.openStore(name)
      const pointer = await getPointer(store)
      if (pointer === undefined || pointer.isDropped) await store.close()
      else
        archives.push(
          await this.#reading({ name, store }, async ({ view }) => ({
            database: name,
            events: view.confirmed.head.position,
            pending: view.pending.size,
            time: pointer.time,
            isBrought: waiting.every((ended) => ended.name !== name),
          })),
        )
    }
    return archives
  }

  async dropArchive(name: string): Promise<boolean> {
    const { ports, base, engine } = this.#options
    const waiting = await waitingOf(ports, engine.store)
    mustBe(
      waiting.every((ended) => ended.name !== name),
      'an archive',
      'not brought over yet',
    )
    const { store } = await openArchive(ports, base, name)
    let isDropped = false
    try {
      await ports.locks.request(viewsLock(name), { timeoutMs: 0, mustExclude: true }, async () => {
        await dropContent(store)
        isDropped = true
      })
    } finally {
      await store.close()
    }
    return isDropped
  }

  /** What only this device has, as far as is known: what is still to be brought over may be known to the server. */
  async unsent(): Promise<Unsent> {
    return (await this.#countUnsent())()
  }

  /** Counts what is here, now and whenever it is asked, with what waits. */
  async #countUnsent(): Promise<() => Unsent> {
    const { engine, sync } = this.#options
    // First, since what comes over meanwhile is better counted twice than not at all.
    const before: Unsent[] = []
    await this.#readWaiting(async ({ view }, { bring }) => void before.push(unsentIn(view, bring === 'missing')))
    await engine.catchUp()
    return () => sum([unsentIn(engine.view, sync === undefined || engine.view.local === true), ...before])
  }

  async leave(wipe: Wipe): Promise<LeaveAnswer> {
    const { ports, base, engine, tellLeave, close } = this.#options
    mustBe(wipe === 'nothing' || wipe === 'if-sent' || wipe === 'all', 'what is deleted', wipe)
    const count = await this.#countUnsent()
    let left = count()
    const isSent = (): boolean => {
      left = count()
      return left.pending + left.deadLetters + left.local === 0
    }
    // From here on nobody appends what would be deleted unseen.
    const mayWipe = wipe !== 'nothing' && (await endDatabase(engine, deletion, wipe === 'all' ? undefined : isSent))
    if (wipe === 'if-sent' && !mayWipe) return { ok: false, unsent: left, isWiped: false }
    // Whoever reads that the database has ended knows without being told.
    if (!mayWipe) tellLeave()
    const names = mayWipe ? await namesOf(ports, base) : []
    await close()
    return { ok: true, unsent: left, isWiped: mayWipe && (await deleteAll(ports, names)) }
  }

  /** Brings over what the database before is to give, once the log has followed its server; in one tab at a time. */
  bringOver(): void {
    const { ports, name } = this.#options
    this.#bringing ??= ports.locks
      .request(`${name}/bring`, { timeoutMs: 0 }, () => this.#bringAll())
      .then(() => {})
      // What is left is brought when the log is opened next, or follows its server anew.
      .catch(() => {
        this.#bringing = undefined
      })
  }

  async #bringAll(): Promise<void> {
    const { engine } = this.#options
    if ((await getFrom(engine.store)) === undefined) return
    const waiting = await this.#readWaiting((source, ended) => this.#bringFrom(source, ended))
    if (this.#isClosed) return
    await forgetFrom(engine.store)
    for (const { name, mayBeDropped } of waiting) if (mayBeDropped) await this.dropArchive(name)
    // Where all was known nothing has moved, and somebody may wait for it.
    engine.announce()
  }

  async #bringFrom(source: Engine, { bring: what, pushed }: Ended): Promise<void> {
    const { engine } = this.#options
    const isThere = pushed !== undefined && (await engine.steadily(() => engine.view.positionOf(pushed))) !== undefined
    let after = isThere ? source.view.confirmed.head.position : 0
    for (let isDone = false; !isDone && !this.#isClosed; ) {
      const step = await bring(this.#options, source, what, after)
      after = step.through
      isDone = step.isDone
    }
  }

  /** Reads what is still to be brought over, oldest first, and answers what it was. */
  async #readWaiting(read: (source: Engine, ended: Ended) => Promise<void>): Promise<readonly Ended[]> {
    const { ports, engine } = this.#options
    const waiting = await waitingOf(ports, engine.store)
    for (const ended of waiting) {
      const { name } = ended
      await this.#reading({ name, store: await ports.openStore(name) }, (source) => read(source, ended))
    }
    return waiting
  }

  /** Reads another database of this origin, from which nothing is pruned meanwhile. */
  async #reading<T>({ name, store }: Database, read: (engine: Engine) => Promise<T>): Promise<T> {
    const { clock, random, locks } = this.#options.ports
    const release = await holdViewsLock(locks, name)
    try {
      const engine = await Engine.open(store, name, { clock, random, locks, channel: silent })
      return await read(engine)
    } finally {
      await store.close()
      release()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#bringing
  }
}

const unsentIn = ({ pending, dead, confirmed }: View, isOnlyHere: boolean): Unsent => ({
  pending: pending.size,
  deadLetters: dead.size,
  local: isOnlyHere ? confirmed.head.position : 0,
})
const sum = (all: readonly Unsent[]): Unsent =>
  all.reduce((one, other) => ({
    pending: one.pending + other.pending,
    deadLetters: one.deadLetters + other.deadLetters,
    local: one.local + other.local,
  }))

/** Nothing follows. */
const deletion: Ending = { to: '', bring: 'nothing', mayBeDropped: true }
const silent = { post: () => {}, close: () => {} }
