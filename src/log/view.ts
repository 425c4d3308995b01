import type { Commit } from '../core/commit.ts'
import { parseKept } from '../core/damage.ts'
import { TidelogError } from '../core/errors.ts'
import type { Marker } from '../core/outcome.ts'
import { matches, type Selectable, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import {
  type AppendRow,
  isKnownRow,
  type LogRow,
  type PullRow,
  type RebaseRow,
  type SealRow,
  type SegmentPlace,
  type WriteRow,
} from '../protocol/rows.ts'
import { ConfirmedTail } from './confirmed-tail.ts'
import { type PendingCommit, PendingQueue } from './pending-queue.ts'
import type { SealedLog } from './sealed-log.ts'

/** Foreign confirmed events, as positions, and the write that brought them. */
interface Foreign {
  readonly revision: number
  readonly first: number
  readonly last: number
}

interface TakenOutThen {
  readonly revision: number
  readonly event: Selectable
}

/** All that a view knows beside the log itself. */
export interface SavedView {
  readonly revision: number
  readonly floor: number
  readonly local: boolean | undefined
  readonly pending: readonly { readonly commit: Commit; readonly revision: number }[]
  readonly takenOut: readonly TakenOutThen[]
  readonly erased?: Erased | undefined
}
/** How far erasures are carried out. */
export interface Erased {
  /** Those up to this position are. */
  readonly through: number
  /** The last write that removed anything: what was made from the log before may hold it. */
  readonly revision: number
}
/** Ids of the commits that ended without the log. */
export interface Endings {
  readonly dead: readonly string[]
  readonly settled: readonly string[]
}
/** What left the log and may still be asked for; markers from before the rest are expired. */
const takenOutMax = 1_000
/** Streams whose counts are remembered from one seal to the next. */
const sealedCountsMax = 50_000
const nothingErased: Erased = { through: 0, revision: 0 }
/** Pending commits that a saved view may have. */
const savedPendingMax = 1_000

/**
 * All that a worker knows of its database, folded from the rows in revision order.
 *
 * revision 1 2 3 4 5│6 …        the view stands at 5; a row is taken only at revision + 1
 * sealed e1 e2 │ confirmed e3 e4 │ pending c5 c6
 */
export class View {
  readonly identity: string
  /** What is confirmed and not sealed. */
  confirmed: ConfirmedTail = new ConfirmedTail()
  sealed: SealedLog
  pending: PendingQueue = new PendingQueue()
  revision = 0
  /** Markers from before are expired. */
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
  erased: Erased = nothingErased
  /** Ids of the commits that are kept as dead letters. */
  readonly dead: Set<string> = new Set()
  /** Ids of the commits that left the queue otherwise: withdrawn, or with nothing left to do. */
  readonly settled: Set<string> = new Set()
  #takenOut: TakenOutThen[] = []
  /** How many sealed events streams have that were asked for. */
  readonly #sealedCounts = new Map<string, number>()
  #foreign: Foreign[] = []
  /** Confirmed commits whose pull row has not been taken yet; only while something is pending. */
  #arrived: Commit[] = []

  constructor(identity: string, sealed: SealedLog) {
    this.identity = identity
    this.sealed = sealed
    this.confirmed.start(sealed.head)
  }

  get marker(): Marker {
    return { database: this.identity, revision: this.revision, confirmed: this.confirmed.head.position }
  }

  /** Whether the view may answer, and may go on to write. */
  get answers(): boolean {
    return this.revision >= this.need
  }

  /** Whether {@link save} says all: not while a commit waits to be decided again, nor with a long queue. */
  get canBeSaved(): boolean {
    return this.pending.touched.size === 0 && this.pending.size <= savedPendingMax && this.answers
  }

  /** For a view that is to stand at a revision without changes up to there. */
  save(revision: number): SavedView {
    const dropped = this.#takenOut.at(-1 - takenOutMax)?.revision ?? 0
    return {
      revision,
      floor: Math.max(this.floor, dropped),
      local: this.local,
      pending: [...this.pending.list()].map(({ commit, revision }) => ({ commit, revision })),
      takenOut: this.#takenOut.filter((gone) => gone.revision > dropped),
      erased: this.erased,
    }
  }

  /** Stands where a view was saved, with the confirmed log up to there. */
  resume(sealed: SealedLog, confirmed: ConfirmedTail, saved: SavedView): void {
    this.sealed = sealed
    this.confirmed = confirmed
    this.pending = new PendingQueue()
    for (const { commit, revision } of saved.pending) this.pending.push(commit, revision)
    this.revision = saved.revision
    this.floor = saved.floor
    // Whatever was derived from the queue as it was is void.
    this.reordered = saved.revision
    this.local = saved.local
    // Nothing waits to be decided again, so nothing foreign is in anybody's way.
    this.#foreign = []
    this.#takenOut = [...saved.takenOut]
    this.erased = saved.erased ?? nothingErased
    this.#arrived = []
    this.#sealedCounts.clear()
  }

  takeEndings({ dead, settled }: Endings): void {
    this.dead.clear()
    this.settled.clear()
    for (const id of dead) this.dead.add(id)
    for (const id of settled) this.settled.add(id)
  }

  /** Takes confirmed records that are not in it yet; those behind `through` wait for their pull row. `parsed` is the content of one. */
  takeRecords(rows: readonly LogRow[], through: number, parsed?: readonly Commit[]): void {
    for (const row of rows) {
      if (row.last > through) return
      if (row.first !== this.confirmed.head.position + 1) continue
      const commits = parsed ?? parseCommits(row.commits)
      this.confirmed.add(commits, row.revisions, row.last, row.digest)
      for (const { id } of commits) this.#forget(id)
      if (this.pending.size > 0) this.#arrived.push(...commits)
    }
  }

  /** Takes the next row. False when it is a pull whose records have not been read yet, or stands for what is sealed. */
  take(row: WriteRow, commits?: readonly Commit[]): boolean {
    if (row.revision <= this.revision) return true
    if (row.revision > this.revision + 1)
      throw new TidelogError('tidelog/storage-lost', `rows after ${this.revision} are missing`)
    if (!isKnownRow(row)) {
      this.needsNewerApp = true
      return false
    }
    if (row.kind === 'pull' && !row.segment && this.confirmed.head.position < row.through.position) return false
    if (row.kind === 'stub' && row.isSealed === true) return false
    this.#fold(row, commits)
    this.revision = row.revision
    if (row.kind !== 'append' && row.kind !== 'stub' && row.kind !== 'seal') this.reordered = row.revision
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
        this.#takeSeal(row)
        return
      case 'erase':
        this.erased = { through: Math.max(row.through, this.erased.through), revision: row.revision }
        this.sealed = this.sealed.anew()
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
    if (row.segment !== undefined) {
      this.#takeSegment(row.segment)
      return
    }
    const own = new Set(row.own)
    this.pending.remove(row.settled, (id) => !own.has(id))
    this.#noteTakenOut(row.revision, row.takenOut)
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

  /** Nothing is in the tail, and nothing in the queue is about what came. */
  #takeSegment(segment: SegmentPlace): void {
    this.sealed = this.sealed.with(segment)
    this.confirmed.start(this.sealed.head)
    this.#sealedCounts.clear()
  }

  #takeSeal({ segment }: SealRow): void {
    if (this.#sealedCounts.size > sealedCountsMax) this.#sealedCounts.clear()
    for (const [stream, count] of this.#sealedCounts)
      this.#sealedCounts.set(stream, count + this.confirmed.index.versionOf(stream, segment.last))
    this.sealed = this.sealed.with(segment)
    this.confirmed.forget(segment.last)
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

  /** How many confirmed events each of these streams has now; answered for the moment of the call. */
  async confirmedCounts(streams: Iterable<string>): Promise<(stream: string) => number> {
    const inTail = new Map<string, number>()
    for (const stream of streams) inTail.set(stream, this.confirmed.index.countOf(stream))
    const sealed = await this.sealedCounts(inTail.keys())
    return (stream) => (inTail.get(stream) ?? 0) + sealed(stream)
  }

  /** How many sealed events each of these streams has now; answered for the moment of the call. */
  async sealedCounts(streams: Iterable<string>): Promise<(stream: string) => number> {
    const { sealed } = this
    if (sealed.segments.length === 0) return () => 0
    const counts = new Map<string, number>()
    const unknown: string[] = []
    for (const stream of streams) {
      const known = this.#sealedCounts.get(stream)
      if (known === undefined) unknown.push(stream)
      else counts.set(stream, known)
    }
    const found = unknown.length === 0 ? counts : await sealed.countsOf(unknown)
    for (const stream of unknown) {
      const count = found.get(stream) ?? 0
      counts.set(stream, count)
      if (this.sealed === sealed) this.#sealedCounts.set(stream, count)
    }
    return (stream) => counts.get(stream) ?? 0
  }

  /** Last versions of streams, pending included; answered for the moment of the call. */
  async versionsOf(streams: readonly string[]): Promise<Map<string, number>> {
    const inQueue = streams.map((stream) => this.pending.index.countOf(stream))
    const countOf = await this.confirmedCounts(streams)
    return new Map(streams.map((stream, at) => [stream, countOf(stream) + (inQueue[at] ?? 0)]))
  }

  /** First position of a confirmed commit. */
  async positionOf(commitId: string): Promise<number | undefined> {
    return this.confirmed.positionOf(commitId) ?? (await this.sealed.positionOf(commitId))
  }

  /** Whether an event that matches came, or was taken out, after the marker; without one: whether any is there. */
  async changedSince(selectors: readonly Selector[], marker: Marker | undefined): Promise<boolean> {
    const since = marker?.revision ?? 0
    if (!this.newerInTail(selectors, marker).next().done) return true
    for (const ordinal of this.pending.matching(selectors))
      if ((this.pending.at(ordinal)?.revision ?? 0) > since) return true
    if (since > 0 && this.#takenOut.some((gone) => gone.revision > since && matches(selectors, gone.event))) return true
    for await (const _event of this.newerSealed(selectors, marker)) return true
    return false
  }

  /** Confirmed positions that match, are newer than the marker, and are not sealed. */
  *newerInTail(selectors: readonly Selector[], marker: Marker | undefined): Generator<number> {
    const window = { after: marker?.confirmed ?? 0, through: this.confirmed.head.position }
    for (const position of this.confirmed.matching(selectors, window))
      if (marker === undefined || this.confirmed.revisionAt(position) > marker.revision) yield position
  }

  /** Sealed events that match and are newer than the marker. */
  async *newerSealed(selectors: readonly Selector[], marker: Marker | undefined): AsyncGenerator<PlacedEvent> {
    const window = { after: marker?.confirmed ?? 0, through: this.sealed.head.position }
    for await (const events of this.sealed.matching(selectors, window))
      for (const { placed, commit } of events)
        if (marker === undefined || commit.revision > marker.revision) yield placed
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
export const parseCommits = (text: string): readonly Commit[] => parseKept(text)
