import type { Commit } from '../core/commit.ts'
import { TidelogError } from '../core/errors.ts'
import type { Marker } from '../core/outcome.ts'
import { matches, type Selectable, type Selector } from '../core/query.ts'
import {
  type AppendRow,
  isKnownRow,
  type LogRow,
  type PullRow,
  type RebaseRow,
  type WriteRow,
} from '../protocol/rows.ts'
import { ConfirmedLog } from './confirmed-log.ts'
import { type PendingCommit, PendingQueue } from './pending-queue.ts'

/** Foreign confirmed events, as positions, and the write that brought them. */
interface Foreign {
  readonly revision: number
  readonly first: number
  readonly last: number
}

/**
 * All that a worker knows of its database, folded from the rows in revision order.
 *
 * revision 1 2 3 4 5│6 …        the view stands at 5; a row is taken only at revision + 1
 * confirmed e1 e2 e3 │ pending c4 c5
 */
export class View {
  readonly identity: string
  readonly confirmed: ConfirmedLog = new ConfirmedLog()
  readonly pending: PendingQueue = new PendingQueue()
  revision = 0
  /** Rows at or below are gone; markers from there are expired. */
  floor = 0
  /** The view answers nothing before this revision: a stub said what settled its commits. */
  need = 0
  /** Revision of the last row that was not an append. */
  reordered = 0
  /** Whether this log is its own sequencer; undefined while it is empty. */
  local: boolean | undefined
  /** A row of a newer app stops the view here. */
  needsNewerApp = false
  movedTo: string | undefined
  /** Ids of the commits that are kept as dead letters. */
  readonly dead: Set<string> = new Set()
  /** Ids of the commits that left the queue otherwise: withdrawn, or with nothing left to do. */
  readonly settled: Set<string> = new Set()
  readonly #takenOut: { readonly revision: number; readonly event: Selectable }[] = []
  #foreign: Foreign[] = []
  /** Confirmed commits whose pull row has not been taken yet; only while something is pending. */
  #arrived: Commit[] = []

  constructor(identity: string) {
    this.identity = identity
  }

  get marker(): Marker {
    return { database: this.identity, revision: this.revision, confirmed: this.confirmed.head.position }
  }

  /** Whether the view may answer, and may go on to write. */
  get answers(): boolean {
    return this.revision >= this.need
  }

  /** Takes confirmed records that are not in it yet; those behind `through` wait for their pull row. `parsed` is the content of one. */
  takeRecords(rows: readonly LogRow[], through: number, parsed?: readonly Commit[]): void {
    for (const row of rows) {
      if (row.last > through) return
      if (row.first !== this.confirmed.head.position + 1) continue
      const commits = parsed ?? parseCommits(row.commits)
      this.confirmed.add(commits, row.revisions, row.last, row.digest)
      if (this.pending.size > 0) this.#arrived.push(...commits)
    }
  }

  /** Takes the next row. False when it is a pull whose records have not been read yet. */
  take(row: WriteRow, commits?: readonly Commit[]): boolean {
    if (row.revision <= this.revision) return true
    if (row.revision > this.revision + 1)
      throw new TidelogError('tidelog/storage-lost', `rows after ${this.revision} are missing`)
    if (!isKnownRow(row)) {
      this.needsNewerApp = true
      return false
    }
    if (row.kind === 'pull' && this.confirmed.head.position < row.through.position) return false
    this.#fold(row, commits)
    this.revision = row.revision
    if (row.kind !== 'append' && row.kind !== 'stub') this.reordered = row.revision
    return true
  }

  #fold(row: WriteRow, commits: readonly Commit[] | undefined): void {
    switch (row.kind) {
      case 'append':
        this.#takeAppend(row, commits ?? parseCommits(row.commits))
        return
      case 'pull':
        this.#takePull(row)
        return
      case 'rebase':
        this.#takeRebase(row)
        return
      case 'stub':
        this.need = Math.max(this.need, row.by)
        return
      case 'moved':
        this.movedTo = row.to
        return
      case 'seal':
        return
    }
  }

  #takeAppend(row: AppendRow, commits: readonly Commit[]): void {
    this.local = row.first !== undefined
    if (this.local) {
      const revisions = commits.map(() => row.revision)
      this.confirmed.add(commits, revisions, row.revision, '')
    } else for (const commit of commits) this.pending.push(commit, row.revision)
    // One that had ended may be tried again.
    for (const { id } of commits) this.#forget(id)
  }

  #takePull(row: PullRow): void {
    this.local = false
    const own = new Set(row.own)
    this.pending.remove(row.settled, (id) => !own.has(id))
    this.#noteTakenOut(row.revision, row.takenOut)
    for (const ids of [this.dead, this.settled])
      for (const id of ids) if (this.confirmed.positionOf(id) !== undefined) ids.delete(id)
    let last = row.through.position - this.#arrived.reduce((sum, { events }) => sum + events.length, 0)
    for (const { id, events } of this.#arrived) {
      last += events.length
      if (own.has(id)) continue
      this.#noteForeign(row.revision, last - events.length + 1, last)
      for (const event of events) this.pending.touch(event)
    }
    this.#arrived = []
    if (this.pending.size === 0) this.#foreign = []
  }

  #takeRebase(row: RebaseRow): void {
    this.pending.remove([...row.refused, ...row.withdrawn], () => true)
    for (const id of row.refused) this.dead.add(id)
    for (const id of row.withdrawn) this.settled.add(id)
    this.#noteTakenOut(row.revision, row.takenOut)
    if (row.through < this.confirmed.head.position) return
    this.pending.rebase(parseCommits(row.replaced), row.revision)
    this.#foreign = []
  }

  #forget(id: string): void {
    this.dead.delete(id)
    this.settled.delete(id)
  }

  #noteForeign(revision: number, first: number, last: number): void {
    const before = this.#foreign.at(-1)
    const joins = before?.revision === revision && before.last === first - 1
    if (joins) this.#foreign.pop()
    this.#foreign.push({ revision, first: joins ? before.first : first, last })
  }

  #noteTakenOut(revision: number, events: readonly Selectable[]): void {
    for (const event of events) this.#takenOut.push({ revision, event })
  }

  /** Last version of a stream, pending included. */
  versionOf(stream: string): number {
    return this.confirmed.index.countOf(stream) + this.pending.index.countOf(stream)
  }

  /** Whether an event that matches came, or was taken out, after the marker; without one: whether any is there. */
  changedSince(selectors: readonly Selector[], marker: Marker | undefined): boolean {
    const since = marker?.revision ?? 0
    if (!this.newerThan(selectors, marker).next().done) return true
    for (const ordinal of this.pending.matching(selectors))
      if ((this.pending.at(ordinal)?.revision ?? 0) > since) return true
    return since > 0 && this.#takenOut.some((gone) => gone.revision > since && matches(selectors, gone.event))
  }

  /** Confirmed positions that match and are newer than the marker. */
  *newerThan(selectors: readonly Selector[], marker: Marker | undefined): Generator<number> {
    const window = { after: marker?.confirmed ?? 0, through: this.confirmed.head.position }
    for (const position of this.confirmed.matching(selectors, window))
      if (marker === undefined || this.confirmed.revisionAt(position) > marker.revision) yield position
  }

  /** Foreign positions that a pending commit's condition looks at and that it has not seen, in log order. */
  foreignTo({ selectors, revision }: PendingCommit): readonly number[] {
    return this.#foreign
      .filter((foreign) => foreign.revision > revision)
      .flatMap(({ first, last }) => [...this.confirmed.matching(selectors, { after: first - 1, through: last })])
      .sort((a, b) => a - b)
  }
}

/** Commits as a row keeps them. Only this code writes rows, so they are not guarded again. */
export const parseCommits = (text: string): readonly Commit[] => JSON.parse(text)
