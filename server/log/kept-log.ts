import { damaged } from '../../src/core/damage.ts'
import { TidelogError } from '../../src/core/errors.ts'
import type { Clock, Random } from '../../src/core/ports.ts'
import { keep, listKept, lookUp } from '../../src/log/kept.ts'
import { Serial } from '../../src/log/queue.ts'
import type { Seen } from '../../src/protocol/sync.ts'
import type { KeptAsk, KeptChanges, KeptFound, KeptRow } from '../../src/protocol/worker.ts'
import { createMemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { nothing, sequence } from '../sequence.ts'
import type { LogStore, SequencedCommit } from '../store.ts'
import { blankOf, joined, type Kept, keptIn, partsOf, toPlaceable, withContent } from './kept-format.ts'

const pageLimits = { commitsMax: 500, bytesMax: 2_000_000 }
/** Changes behind a snapshot before there is another one, and how many times its size they must have. */
const snapshotEvery = 256
const snapshotGrowth = 2
/** What a crash may forget. */
const soonMs = 250
/** Races that are lost before a change is given up. */
const triesMax = 100

export interface KeptLogParts {
  readonly store: LogStore
  /** The log beside which it is. */
  readonly log: string
  readonly clock: Clock
  readonly random: Random
  /** Throws for changes that are not to be kept where the rows are so. */
  readonly mustHold: (changes: KeptChanges, rows: Rows) => Promise<void>
  /** Something was kept, here or elsewhere; others are to be told of it. */
  readonly onKept: (isAnnounced: boolean) => void
}

/** Beside the log, under a name that no request can have: names of logs hold no control characters. */
export const keptLogName = (log: string): string => `${log}\u001fkept`

/**
 * What the consumers of a log keep, as a log of its own: each change is one commit, written at the end that it was made for, so
 * that of two processes one comes second and looks again. Now and then all rows are written anew, and what stood before is blanked.
 *
 * 1 put a │ 2 put b │ … │ 258 all rows, since 258 │ 259 put c, since 258 │ …
 */
export class KeptLog {
  readonly #parts: KeptLogParts
  readonly #log: string
  #rows: Store = emptyRows()
  #head: Seen = nothing
  #since = 1
  #sinceSize = 0
  #sinceCount = 0
  #snapshotSize = 0
  #isLoaded = false
  /** What goes with the next change, or alone a moment later. */
  #soon: KeptChanges | undefined
  #callOffSoon: (() => void) | undefined
  /** Where rows were put last that are renewed where they stand, by chain. */
  readonly #places = new Map<string, number>()
  /** The commits with the renewable rows of this process. */
  readonly #own = new Map<string, { readonly last: number; readonly kept: Kept; readonly text: string }>()
  readonly #asked: Rows = {
    list: (chain) => listKept(this.#rows, chain),
    reread: (chain) => this.#reread(chain),
  }
  readonly #inOrder = new Serial()
  #unwatch = (): void => {}

  constructor(parts: KeptLogParts) {
    this.#parts = parts
    this.#log = keptLogName(parts.log)
  }

  /** The rows whose chains begin so, as they are now. */
  list(chain: string): Promise<readonly KeptRow[]> {
    return this.#read(() => listKept(this.#rows, chain))
  }

  lookUp(asks: readonly KeptAsk[]): Promise<readonly KeptFound[]> {
    return this.#read(() => lookUp(this.#rows, asks))
  }

  #read<T>(use: () => Promise<T>): Promise<T> {
    return this.#inOrder.run(async () => {
      if (this.#soon !== undefined) await this.#change(async () => ({}))
      await this.#follow()
      return use()
    })
  }

  /** Keeps rows, all or nothing. False when a key of `add` is taken. */
  keep(changes: KeptChanges): Promise<boolean> {
    return this.change(async (rows) => {
      await this.#parts.mustHold(changes, rows)
      const found = await lookUp(
        this.#rows,
        (changes.add ?? []).map(({ chain, n }) => ({ chain, n, limit: 1 })),
      )
      const isTaken = found.some((one, at) => one.rows[0]?.n === changes.add?.[at]?.n)
      return isTaken ? undefined : changes
    })
  }

  /** Keeps rows with the next change, and at the latest a moment later: a crash before forgets them. */
  keepSoon(changes: KeptChanges): void {
    this.#soon = joined(this.#soon, changes)
    this.#callOffSoon ??= this.#parts.clock.after(soonMs, () => void this.#flush())
  }

  /** Keeps what is made of the rows as they are when it is written; false for nothing. */
  change(make: Make): Promise<boolean> {
    return this.#inOrder.run(() => this.#change(make))
  }

  async #change(make: Make): Promise<boolean> {
    if (!this.#isLoaded) await this.#follow()
    for (let tries = 0; tries < triesMax; tries++) {
      const { position } = this.#head
      const changes = await make(this.#asked)
      if (changes !== undefined && (await this.#writeWithSoon(changes))) {
        // What is not shortened now is shortened later.
        await this.#mayShorten().catch(() => {})
        return true
      }
      await this.#follow()
      // Nothing that others have kept meanwhile could change the answer.
      if (changes === undefined && this.#head.position === position) return false
    }
    throw new TidelogError('tidelog/timeout', 'too many others keep something beside this log')
  }

  /**
   * Puts a row anew: in the place of the last one of this process where the store can, so that what is said again and again does not
   * make the log grow; `look` sees the rows before.
   */
  renew(row: KeptRow, look: (rows: Rows) => Promise<boolean>): Promise<boolean> {
    return this.#inOrder.run(async () => {
      await this.#follow()
      if (!(await look(this.#asked))) return false
      return (await this.#replace(row)) || (await this.#change(async () => ({ put: [row] })))
    })
  }

  async #replace(row: KeptRow): Promise<boolean> {
    const { erasures } = this.#parts.store
    const own = this.#own.get(row.chain)
    // Who reads begins at the last snapshot.
    if (erasures === undefined || own === undefined || own.last < this.#since) return false
    const put = (own.kept.changes.put ?? []).map((one) => (one.chain === row.chain ? row : one))
    const kept = { ...own.kept, changes: { ...own.kept.changes, put } }
    const text = withContent(own.text, kept)
    const commits = [{ last: own.last, was: own.text, text }]
    if (!(await erasures.put(this.#log, { through: 0, commits, segments: [] }))) return false
    this.#own.set(row.chain, { last: own.last, kept, text })
    return keep(this.#rows, { put: [row] })
  }

  async #reread(chain: string): Promise<void> {
    const place = this.#places.get(chain)
    if (place === undefined) return
    const { commits } = await this.#parts.store.range(this.#log, place - 1, { commitsMax: 1, bytesMax: 1 })
    const [commit] = commits
    const row = commit && keptIn(commit)?.changes.put?.find((one) => one.chain === chain)
    if (row !== undefined) await keep(this.#rows, { put: [row] })
  }

  async #writeWithSoon(changes: KeptChanges): Promise<boolean> {
    const soon = this.#soon
    this.#soon = undefined
    const isHeld =
      soon &&
      (await this.#parts.mustHold(soon, this.#asked).then(
        () => true,
        () => false,
      ))
    let isWritten = false
    try {
      const all = isHeld ? joined(soon, changes) : changes
      isWritten = await this.#write([{ since: this.#since, changes: all }])
    } finally {
      // Something may have been added meanwhile.
      if (isHeld && !isWritten) this.#soon = this.#soon === undefined ? soon : joined(soon, this.#soon)
    }
    return isWritten
  }

  async #flush(): Promise<void> {
    this.#callOffSoon?.()
    this.#callOffSoon = undefined
    const keeping = this.#inOrder.run(async () => this.#soon !== undefined && (await this.#change(async () => ({}))))
    // It stays for the next change.
    await keeping.catch(() => {})
  }

  /** Hears of what others keep. */
  watch(): void {
    const { store } = this.#parts
    this.#unwatch()
    this.#unwatch = store.watch(this.#log, (head) => {
      if (head <= this.#head.position) return
      this.#inOrder.run(() => this.#follow()).catch(() => {})
    })
  }

  async close(): Promise<void> {
    this.#unwatch()
    await this.#flush()
  }

  /** Writes at the end, all or, where the store takes a part only, the first of them; false when others were first. */
  async #write(all: readonly Kept[]): Promise<boolean> {
    const { store } = this.#parts
    const run = sequence(
      all.map((kept) => toPlaceable(kept, this.#parts)),
      this.#head,
    )
    const { taken } = await store.append(this.#log, this.#head.position, run)
    for (const commit of run.slice(0, taken)) {
      const kept = all[commit.last - (run[0]?.first ?? 0)]
      await this.#apply(commit, kept)
      // Those of a snapshot are put by whoever makes it.
      if (all.length > 1 || kept === undefined) continue
      for (const { chain } of kept.changes.put ?? [])
        if (isRenewable(chain)) this.#own.set(chain, { last: commit.last, kept, text: commit.text })
    }
    return taken === all.length
  }

  /** Takes in what others have written. */
  async #follow(): Promise<void> {
    const { store } = this.#parts
    if (!this.#isLoaded) await this.#begin()
    for (let blank = 0; ; ) {
      const { commits, head } = await store.range(this.#log, this.#head.position, pageLimits)
      if (head < this.#head.position)
        throw new TidelogError('tidelog/storage-lost', 'what was kept is shorter than it was')
      for (const commit of commits) {
        const kept = keptIn(commit)
        // What is blank was written anew behind it.
        if (kept === undefined) {
          if (blank === commit.last) throw damaged(`what was kept at ${blank} is gone`)
          blank = commit.last
          await this.#begin()
          break
        }
        await this.#apply(commit, kept)
      }
      if (commits.length === 0) return
    }
  }

  /** Begins at the last whole snapshot, which the newest commit names. */
  async #begin(): Promise<void> {
    const { store } = this.#parts
    this.#rows = emptyRows()
    this.#places.clear()
    this.#head = nothing
    this.#since = 1
    this.#sinceCount = 0
    this.#sinceSize = 0
    const end = await store.head(this.#log)
    const { commits } = await store.range(this.#log, Math.max(0, end.position - 1), { commitsMax: 1, bytesMax: 1 })
    const [newest] = commits
    const since = newest && keptIn(newest)?.since
    this.#isLoaded = true
    if (since === undefined || since === 1) return
    const digest = await store.digestAt(this.#log, since - 1)
    if (digest === undefined) throw damaged(`nothing ends at ${since - 1}`)
    this.#head = { position: since - 1, digest }
    this.#since = since
  }

  async #apply({ last, digest, text }: SequencedCommit, kept: Kept | undefined): Promise<void> {
    if (kept === undefined) throw damaged(`what was kept at ${last} is gone`)
    if (!(await keep(this.#rows, kept.changes))) throw damaged(`a key at ${last} is taken`)
    this.#head = { position: last, digest }
    for (const { chain } of kept.changes.delete ?? []) {
      this.#places.delete(chain)
      this.#own.delete(chain)
    }
    for (const { chain } of kept.changes.put ?? []) if (isRenewable(chain)) this.#places.set(chain, last)
    if (kept.since > this.#since) {
      this.#snapshotSize = this.#sinceSize
      this.#sinceCount = 0
      this.#sinceSize = 0
      this.#since = kept.since
    }
    this.#sinceCount++
    this.#sinceSize += text.length
    this.#parts.onKept(kept.changes.isAnnounced === true)
  }

  /** Writes all rows anew where the changes since they were written last have come to much more. */
  async #mayShorten(): Promise<void> {
    if (this.#sinceCount < snapshotEvery || this.#sinceSize < snapshotGrowth * this.#snapshotSize) return
    const before = this.#since
    const since = this.#head.position + 1
    for (const chain of this.#places.keys()) await this.#reread(chain)
    const rows = await listKept(this.#rows, '')
    const parts = partsOf(rows)
    this.#sinceSize = 0
    // Only the last one says that the snapshot is whole: others read it as rows that they have.
    const run = parts.map((put, at) => ({ since: at === parts.length - 1 ? since : before, changes: { put } }))
    if (await this.#write(run)) await this.#blank(before, since - 1)
  }

  /** Takes the content of what a snapshot has replaced, where the store can. */
  async #blank(from: number, through: number): Promise<void> {
    const { store } = this.#parts
    for (let after = from - 1; store.erasures !== undefined && after < through; ) {
      const { commits } = await store.range(this.#log, after, pageLimits)
      const old = commits.filter(({ last }) => last <= through)
      const last = old.at(-1)
      if (last === undefined) return
      const blanks = old.map((commit) => ({ last: commit.last, was: commit.text, text: blankOf(commit) }))
      // Otherwise another process does the same.
      if (!(await store.erasures.put(this.#log, { through: 0, commits: blanks, segments: [] }))) return
      after = last.last
    }
  }
}

/** The rows as they are where something is to be kept. */
export interface Rows {
  /** Those whose chains begin so. */
  list(chain: string): Promise<readonly KeptRow[]>
  /** Looks again at a row that its owner may have renewed where it stands. */
  reread(chain: string): Promise<void>
}
type Make = (rows: Rows) => Promise<KeptChanges | undefined>

/** Rows of this kind are put again and again: each belongs to one process. */
export const renewablePart = 'runner/'
const isRenewable = (chain: string): boolean => chain.startsWith(renewablePart)

const emptyRows = (): Store => openMemoryStore(createMemoryDatabase('kept'), { durable: true })
