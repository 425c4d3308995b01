import type { Commit } from '../core/commit.ts'
import { TidelogError } from '../core/errors.ts'
import { createListeners } from '../core/observable.ts'
import type { Channel, Clock, Locks, Random } from '../core/ports.ts'
import { type MovedNotice, noticeVersion } from '../protocol/notice.ts'
import type { LogRow, WriteRow } from '../protocol/rows.ts'
import type { Durability } from '../protocol/worker.ts'
import { isStoreError, type Request, type Store } from '../store/store.ts'
import { Announcer } from './announcer.ts'
import { catchUp, openView, takeRows } from './catch-up.ts'
import { Content } from './content.ts'
import type { Deciding } from './deciding-port.ts'
import { Serial, Shared } from './queue.ts'
import { SegmentGone } from './shelf.ts'
import { follows } from './told.ts'
import { Turnstile } from './turnstile.ts'
import { parseCommits, type View } from './view.ts'

/** Rows whose text is not longer ride in the notice itself. */
const noticeTextMax = 16_000
/** A notice that a page has heard reaches its worker within this time, or not at all. */
const noticeWaitMs = 20
/** A write whose outcome stays unknown is given up after this many connections. */
const lostMax = 5
/** Looks that find a row of a segment missing while the segments stay what they are. */
const gonesMax = 3

/** A row of `writes` without its place. */
export type NewRow = WriteRow extends infer R ? (R extends WriteRow ? Omit<R, 'revision' | 'format'> : never) : never

/** What one write does, made for a view that stands at the revision before it. */
export interface Plan<T> {
  readonly row: NewRow
  /** The row's commits, where they are at hand. */
  readonly commits?: readonly Commit[]
  /** Confirmed records that go with it. */
  readonly records?: readonly LogRow[]
  /** Further requests of the same transaction. */
  readonly beside?: readonly Request[]
  readonly durability?: Durability
  readonly result: T
}

export interface EnginePorts {
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  readonly channel: Channel
  readonly deciding?: Deciding | undefined
}

/** The only writer of a database in this worker: it adds rows behind the view, and keeps the view at the tail. */
export class Engine {
  readonly store: Store
  readonly view: View
  readonly content: Content
  readonly clock: Clock
  readonly random: Random
  /** The rules of the app; none in a worker that knows no model. */
  readonly deciding: Deciding | undefined
  readonly #channel: Channel
  readonly #turnstile: Turnstile
  readonly #writes = new Serial()
  readonly #tail: Shared<void>
  readonly #announcer: Announcer
  readonly #moves = createListeners<[]>()

  private constructor(store: Store, view: View, name: string, ports: EnginePorts) {
    this.store = store
    this.view = view
    this.clock = ports.clock
    this.random = ports.random
    this.deciding = ports.deciding
    this.content = new Content(store, view)
    this.#channel = ports.channel
    this.#announcer = new Announcer(ports.channel, ports.clock, view)
    this.#turnstile = new Turnstile(`${name}/turn`, ports.locks, ports.clock)
    this.#tail = new Shared(async () => {
      const { revision } = view
      const { stopped } = this
      await catchUp(store, view, this.#taken)
      if (view.revision !== revision || this.stopped !== stopped) this.#moves.tell()
    })
  }

  static async open(store: Store, name: string, ports: EnginePorts): Promise<Engine> {
    return new Engine(store, await openView(store), name, ports)
  }

  /** Calls back after the log moved, whoever wrote; the answer ends it. */
  onMoved(listener: () => void): () => void {
    return this.#moves.add(listener)
  }

  /** Brings the view to what is on disk now. */
  catchUp(): Promise<void> {
    return this.#tail.run()
  }

  /** Brings the view to a revision, or to what is on disk now. Where a notice `isTold` of it, it may be on its way here. */
  async reach(revision: number = Infinity, isTold?: boolean): Promise<void> {
    const isThere = (): boolean => this.view.revision >= revision
    if (isTold && !isThere()) await this.#hears(isThere)
    if (!isThere()) await this.catchUp()
  }

  /** Waits for notices until it is so, or for as long as one can be on its way. */
  #hears(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (isThere()) end()
      }
      const end = (): void => {
        callOff()
        stop()
        resolve()
      }
      const callOff = this.clock.after(noticeWaitMs, end)
      const stop = this.onMoved(look)
    })
  }

  /**
   * Runs what looks at segments; once more when they were packed anew meanwhile. It begins in this turn. Rejects with
   * `tidelog/storage-lost` when rows of a segment are gone.
   */
  async steadily<T>(look: () => Promise<T>): Promise<T> {
    for (let still = 0; ; ) {
      const { sealed } = this.view
      try {
        return await look()
      } catch (error) {
        if (!(error instanceof SegmentGone)) throw error
        await this.catchUp()
        still = this.view.sealed === sealed ? still + 1 : 0
        // Nobody has packed anything: what is missing will not come.
        if (still === gonesMax) throw new TidelogError('tidelog/storage-lost', 'rows of a segment are missing')
      }
    }
  }

  /** Takes what another tab wrote straight from its notice; reads what is missing when the notice does not follow. */
  hear(notice: MovedNotice): void {
    if (notice.database !== this.view.identity || notice.head <= this.view.revision) return
    const { row, log = [] } = notice
    const { stopped } = this
    if (row !== undefined && follows(this.view, notice)) takeRows(this.view, [row], log, this.#taken)
    if (this.view.revision >= notice.head || this.stopped !== stopped) this.#moves.tell()
    else this.catchUp().catch(() => {})
  }

  /** Somebody lost a race: writers take turns for a moment. */
  hearContention(): void {
    this.#turnstile.contended()
  }

  /** Why nothing can be written, if so: a newer app has been here, or the log lives in another database now. */
  get stopped(): string | undefined {
    if (this.view.needsNewerApp) return 'the log needs a newer app'
    return this.view.movedTo === undefined ? undefined : `the log has moved to ${this.view.movedTo}`
  }

  mustGoOn(): void {
    const { stopped, view } = this
    if (stopped === undefined) return
    throw new TidelogError(view.needsNewerApp ? 'tidelog/storage-lost' : 'tidelog/log-moved', stopped)
  }

  /**
   * Writes one row at the view's revision + 1, or nothing when `make` gives no plan. When somebody was first, the view
   * is brought up to date and `make` decides anew. Rejects with a `StoreError` `full`, or `tidelog/storage-lost`, which
   * is also the answer of a log that needs a newer app, or `tidelog/log-moved`.
   */
  write<T>(make: (view: View) => Plan<T> | undefined | Promise<Plan<T> | undefined>): Promise<T | undefined> {
    return this.#writes.run(async () => {
      for (let lost = 0; ; ) {
        const outcome = await this.#turnstile.run((inTurn) => this.#attempt(make, inTurn))
        if (outcome.kind === 'done') return outcome.result
        if (outcome.kind === 'lost' && ++lost >= lostMax)
          throw new TidelogError('tidelog/storage-lost', 'storage does not answer')
      }
    })
  }

  async #attempt<T>(
    make: (view: View) => Plan<T> | undefined | Promise<Plan<T> | undefined>,
    readFirst: boolean,
  ): Promise<Attempt<T>> {
    if (readFirst) await this.catchUp()
    // Here, since any attempt may have found such a row: to try behind it would never end, or write where none may be.
    this.mustGoOn()
    // The revision before the first read: a notice that moves the view while `make` runs must not hide what it brought.
    const base = this.view.revision
    const plan = await this.steadily(async () => make(this.view))
    if (this.view.revision !== base) return { kind: 'again' }
    if (plan === undefined) return { kind: 'done', result: undefined }
    const { durability } = plan
    const row: WriteRow = { ...plan.row, revision: base + 1, format: 1 }
    try {
      await this.store.run(requestsOf(row, plan), { write: true, ...(durability && { durability }) })
    } catch (error) {
      return this.#recover(error)
    }
    this.#take(row, plan)
    this.#tell(base, row, plan)
    return { kind: 'done', result: plan.result }
  }

  async #recover(error: unknown): Promise<{ readonly kind: 'again' | 'lost' }> {
    if (isStoreError(error, 'taken')) {
      this.#turnstile.contended()
      this.#channel.post({ v: noticeVersion, kind: 'contended' })
      await this.catchUp()
      return { kind: 'again' }
    }
    if (isStoreError(error, 'lost')) {
      await this.catchUp().catch(() => {})
      return { kind: 'lost' }
    }
    throw error
  }

  #take(row: WriteRow, plan: Plan<unknown>): void {
    if (row.revision !== this.view.revision + 1) return
    const before = this.view.confirmed.head.position
    for (const record of plan.records ?? []) this.view.takeRecords([record], record.last, plan.commits)
    this.view.take(row, plan.commits)
    if (plan.commits !== undefined) this.#keep(before, plan.commits, textOf(row, plan.records))
  }

  readonly #taken = (before: number, text: string): void => {
    // What is read in bulk is read again by few.
    if (text.length <= noticeTextMax) this.#keep(before, parseCommits(text), text.length)
  }

  /** Keeps the content of a record that has just come behind `before`, so that views need not read it. */
  #keep(before: number, commits: readonly Commit[], size: number): void {
    const place = this.view.confirmed.recordOf(before + 1)
    if (place !== undefined && this.view.confirmed.head.position > before) this.content.keep(place, commits, size)
  }

  #tell(previous: number, row: WriteRow, { records }: Plan<unknown>): void {
    const isSmall = textOf(row, records) <= noticeTextMax
    this.#announcer.moved(previous, isSmall ? { row, ...(records && { log: records }) } : {})
    this.#moves.tell()
  }

  /** Tells the pages of this browser where the log is, when they may not know. */
  announce(): void {
    this.#announcer.repeat()
  }

  /** Waits for the writes under way, then lets go of the storage. */
  async close(): Promise<void> {
    await this.#writes.idle()
    this.#announcer.close()
    await this.store.close()
  }
}

type Attempt<T> =
  | { readonly kind: 'done'; readonly result: T | undefined }
  /** Somebody was first. */
  | { readonly kind: 'again' }
  /** The connection broke: whether the row was written shows in the tail. */
  | { readonly kind: 'lost' }

const requestsOf = (row: WriteRow, plan: Plan<unknown>): readonly Request[] => [
  { op: 'add', store: 'writes', row },
  ...(plan.records ?? []).map((record): Request => ({ op: 'add', store: 'log', row: record })),
  ...(plan.beside ?? []),
]

const textOf = (row: WriteRow, records: readonly LogRow[] = []): number =>
  records.reduce((sum, record) => sum + record.commits.length, 'commits' in row ? row.commits.length : 256)
