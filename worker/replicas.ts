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
import type {
  ArchiveData,
  AttachAnswer,
  Bring,
  BroughtAnswer,
  LeaveAnswer,
  Unsent,
  Wipe,
} from '../src/protocol/worker.ts'
import { type Store, StoreError } from '../src/store/store.ts'
import type { SyncController } from '../src/sync/controller.ts'
import type { HostPorts } from './host-ports.ts'
import { holdViewsLock, viewsLock } from './views-lock.ts'

/** A store by its name. */
export interface Database {
  readonly name: string
  readonly store: Store
}

/** Opens the database that a log rests in now: one that has ended says where it goes on. */
export async function openCurrent(ports: HostPorts, base: string): Promise<Database> {
  const before: string[] = []
  for (let name = base; ; ) {
    const store = await ports.openStore(name)
    const pointer = await getPointer(store)
    if (pointer === undefined) return { name, store }
    await store.close()
    before.push(name)
    if (pointer.to !== '') name = pointer.to
    // The user signed out, and the browser, or a tab, kept it from being deleted then.
    else if (await deleteAll(ports, before)) name = base
    else throw new StoreError('lost', 'the storage is being deleted')
  }
}

/** Opens an archive of a log. Throws `tidelog/argument` where there is no such. */
export async function openArchive(ports: HostPorts, base: string, archive: string): Promise<Database> {
  const names = await namesOf(ports, base)
  mustBe(names.slice(0, -1).includes(archive), 'an archive', archive)
  return { name: archive, store: await ports.openStore(archive) }
}

/** Names of all databases of a log, the present one last. */
async function namesOf(ports: HostPorts, base: string): Promise<readonly string[]> {
  const names: string[] = []
  for (let name: string | undefined = base; name; ) {
    names.push(name)
    const store: Store = await ports.openStore(name)
    name = (await getPointer(store).finally(() => store.close()))?.to
  }
  return names
}

/** The last one first: until the end, what is left still says that it is to be deleted. */
async function deleteAll({ deleteStore = async () => true }: HostPorts, names: readonly string[]): Promise<boolean> {
  let isDeleted = true
  for (const name of [...names].reverse()) isDeleted = isDeleted && (await deleteStore(name))
  return isDeleted
}

const nextName = (name: string): string => {
  const [base, nth = '1'] = name.split('#')
  // No other part of a name has this character: they are encoded.
  return `${base}#${Number(nth) + 1}`
}

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
      // Otherwise something was appended meanwhile: that has to be there, too.
      if (!(await this.#goOn({ bring: 'nothing', mayBeDropped: true }, isAllPushed))) continue
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
    const waiting = await getFrom(engine.store)
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
            isBrought: name !== waiting,
          })),
        )
    }
    return archives
  }

  async dropArchive(name: string): Promise<boolean> {
    const { ports, base } = this.#options
    mustBe((await getFrom(this.#options.engine.store)) !== name, 'an archive', 'not brought over yet')
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

  /** What only this device has. */
  async unsent(): Promise<Unsent> {
    await this.#options.engine.catchUp()
    return this.#unsentNow()
  }

  #unsentNow(): Unsent {
    const { engine, sync } = this.#options
    const { pending, dead, local, confirmed } = engine.view
    const isOnlyHere = sync === undefined || local === true
    return { pending: pending.size, deadLetters: dead.size, local: isOnlyHere ? confirmed.head.position : 0 }
  }

  async leave(wipe: Wipe): Promise<LeaveAnswer> {
    const { ports, base, engine, tellLeave, close } = this.#options
    mustBe(wipe === 'nothing' || wipe === 'if-sent' || wipe === 'all', 'what is deleted', wipe)
    let left = await this.unsent()
    const isSent = (): boolean => {
      left = this.#unsentNow()
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
    const { ports, base, engine } = this.#options
    const from = await getFrom(engine.store)
    if (from === undefined) return
    const source = await openArchive(ports, base, from)
    const pointer = await getPointer(source.store)
    if (pointer === undefined || pointer.bring === 'nothing') await source.store.close()
    else
      await this.#reading(source, async (reading) => {
        for (let after = 0, isDone = false; !isDone && !this.#isClosed; ) {
          const step = await bring(this.#options, reading, pointer.bring, after)
          after = step.through
          isDone = step.isDone
        }
      })
    if (this.#isClosed) return
    await forgetFrom(engine.store)
    if (pointer?.mayBeDropped) await this.dropArchive(from)
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

/** Nothing follows. */
const deletion: Ending = { to: '', bring: 'nothing', mayBeDropped: true }
const silent = { post: () => {}, close: () => {} }
