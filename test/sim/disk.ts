import type { Chaos } from './chaos.ts'
import type { Realm, Scheduler } from './scheduler.ts'
import type { Table } from './table.ts'

/** One request of a transaction, as it reaches the disk. */
export interface DiskRequest {
  readonly store: string
  readonly isRead: boolean
  readonly say: () => string
  /** The row that is added, if one is. */
  readonly row?: object | undefined
  /** Does it on the table; the answer undoes it. Throws an error named as IndexedDB names it. */
  readonly apply: (table: Table) => { readonly result: unknown; readonly undo?: () => void }
  readonly succeed: (result: unknown) => void
  readonly fail: (error: Error) => void
}
/** What the page's side of a transaction is told. */
export interface DiskListener {
  readonly post: (act: () => void) => void
  readonly onComplete: () => void
  readonly onAbort: (error: Error | null) => void
}

/** A database, which lives on when a tab that uses it does not. */
export class Disk {
  readonly realm: Realm
  readonly chaos: Chaos
  /** Hears of every row that is kept. */
  onAdded: (row: object) => void = () => {}
  tables: Map<string, Table> = new Map()
  isMade = false
  /** Who is making the stores just now. */
  maker: Realm | undefined
  readonly scheduler: Scheduler
  #live: DiskTransaction[] = []

  constructor(scheduler: Scheduler, realm: Realm, chaos: Chaos) {
    this.scheduler = scheduler
    this.realm = realm
    this.chaos = chaos
  }

  /** The same content in another place. */
  copyTo(disk: Disk): void {
    for (const transaction of this.#live) transaction.undo()
    disk.tables = new Map([...this.tables].map(([name, table]) => [name, table.copy()]))
    for (const transaction of this.#live) transaction.redo()
    disk.isMade = this.isMade
  }

  begin(transaction: DiskTransaction): void {
    this.#live.push(transaction)
  }

  end(transaction: DiskTransaction): void {
    this.#live = this.#live.filter((other) => other !== transaction)
    for (const other of this.#live) other.pump()
  }

  /** Transactions that touch the same store run in the order of their making when one of them writes. */
  mayRun(transaction: DiskTransaction): boolean {
    for (const before of this.#live) {
      if (before === transaction) return true
      if ((before.writes || transaction.writes) && before.stores.some((store) => transaction.stores.includes(store)))
        return false
    }
    return false
  }

  soon(act: () => void, moreMs = 0): void {
    this.realm.post(moreMs + this.chaos.dice.skewed(0, this.chaos.isOn ? 40 : 1), act)
  }
}

/**
 * The disk's half of a transaction. It goes on without its tab once the tab has said `commit`; otherwise it commits when
 * every answer was taken and nothing more was asked.
 */
export class DiskTransaction {
  readonly stores: readonly string[]
  readonly writes: boolean
  isLive = true
  readonly #disk: Disk
  readonly #listener: DiskListener
  readonly #requests: DiskRequest[] = []
  readonly #said: string[] = []
  #done = 0
  #untaken = 0
  #isCommitting = false
  #isBusy = false
  #changes: { readonly undo: () => void; readonly redo: () => void }[] = []
  /** Ended for the tab, though not for the disk: the connection broke in between. */
  #isDeaf = false
  /** How much longer each of its steps takes. */
  readonly #slowMs: number

  constructor(disk: Disk, stores: readonly string[], writes: boolean, listener: DiskListener) {
    this.#disk = disk
    this.stores = stores
    this.writes = writes
    this.#listener = listener
    this.#slowMs = disk.chaos.strikes('storage: slow', 0.03) ? disk.chaos.dice.between(10, 300) : 0
    disk.begin(this)
  }

  get isCommitting(): boolean {
    return this.#isCommitting
  }

  add(request: DiskRequest): void {
    this.#requests.push(request)
    this.pump()
  }

  commit(): void {
    this.#isCommitting = true
    this.pump()
  }

  /** From the tab, or because a request failed. */
  abort(error: Error | null): void {
    if (!this.isLive) return
    this.undo()
    this.#finish()
    const left = this.#requests.slice(this.#done)
    this.#tell(() => {
      for (const request of left) request.fail(named('AbortError', 'the transaction was aborted'))
      this.#listener.onAbort(error)
    })
  }

  /** The tab is gone: what it had not committed is dropped, the rest may have come through. */
  orphan(comesThrough: boolean): void {
    this.#isDeaf = true
    if (!this.#isCommitting || !comesThrough) this.abort(null)
  }

  /** The connection breaks: the tab is told so at once, whatever becomes of the transaction. */
  breakOff(error: Error, comesThrough: boolean): void {
    if (!this.isLive) return
    if (this.#isCommitting && comesThrough) {
      this.#tell(() => this.#listener.onAbort(error))
      this.#isDeaf = true
    } else this.abort(error)
  }

  undo(): void {
    for (const { undo } of this.#changes.toReversed()) undo()
  }
  redo(): void {
    for (const { redo } of this.#changes) redo()
  }

  pump(): void {
    if (!this.isLive || this.#isBusy || !this.#disk.mayRun(this)) return
    if (this.#isCommitting) this.#later(() => this.#finishWell())
    else if (this.#done < this.#requests.length) this.#later(() => this.#step())
    else if (this.#untaken === 0) this.#later(() => this.#finishWell())
  }

  #later(act: () => void): void {
    this.#isBusy = true
    this.#disk.soon(() => {
      this.#isBusy = false
      if (this.isLive) act()
      this.pump()
    }, this.#slowMs)
  }

  #tell(act: () => void): void {
    if (!this.#isDeaf) this.#listener.post(act)
  }

  #step(): void {
    const taken = this.#answer()
    if (taken === undefined) return
    this.#untaken += 1
    this.#tell(() => {
      taken()
      // What the handler asks in this turn comes before the tab's "nothing more".
      this.#disk.soon(() => {
        this.#untaken -= 1
        this.pump()
      })
    })
  }

  /** Carries out the next request; nothing when it failed and took the transaction along. */
  #answer(): (() => void) | undefined {
    const request = this.#requests[this.#done++]!
    const table = this.#disk.tables.get(request.store)!
    const apply = () => request.apply(table)
    try {
      const { result, undo } = apply()
      if (undo !== undefined) {
        this.#changes.push({ undo, redo: apply })
        this.#said.push(request.say())
      }
      return () => request.succeed(result)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (error.name === 'ConstraintError') this.#disk.chaos.tally.count('races lost at the key')
      this.#tell(() => request.fail(error))
      this.abort(error)
      return undefined
    }
  }

  #finishWell(): void {
    const { chaos } = this.#disk
    const answers: (() => void)[] = []
    while (this.#done < this.#requests.length) {
      const isRead = this.#requests[this.#done]?.isRead === true
      const taken = this.#answer()
      if (taken === undefined) return
      if (isRead && chaos.strikes('storage: value after complete', 0.005))
        this.#disk.realm.post(60, () => this.#tell(taken))
      else answers.push(taken)
    }
    if (this.#untaken > 0 && !this.#isCommitting) return
    if (answers.length > 0)
      this.#tell(() => {
        for (const taken of answers) taken()
      })
    if (this.writes && chaos.strikes('storage: full after success', 0.01)) {
      this.abort(named('QuotaExceededError', 'the quota is used up'))
      return
    }
    if (this.writes) this.#disk.scheduler.say(() => `${this.#disk.realm.name}: ${this.#said.join(', ')}`)
    for (const { row } of this.#requests) if (row !== undefined) this.#disk.onAdded(row)
    this.#finish()
    this.#tell(() => this.#listener.onComplete())
  }

  #finish(): void {
    this.isLive = false
    this.#disk.end(this)
  }
}

export const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
