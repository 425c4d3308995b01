import { createBreather } from '../../src/core/breather.ts'
import type { Commit } from '../../src/core/commit.ts'
import { damaged } from '../../src/core/damage.ts'
import { TidelogError } from '../../src/core/errors.ts'
import { closedType, type Erasure, erasedType, erasing, erasureOf, type IsErased } from '../../src/core/lifecycle.ts'
import type { Marker } from '../../src/core/outcome.ts'
import type { Clock } from '../../src/core/ports.ts'
import type { Selector } from '../../src/core/query.ts'
import type { PlacedEvent } from '../../src/core/recorded.ts'
import { type EventPlace, placeOf } from '../../src/log/content.ts'
import { EventIndex, type Window } from '../../src/log/event-index.ts'
import { Shared } from '../../src/log/queue.ts'
import type { Seen } from '../../src/protocol/sync.ts'
import { eraseInCommit } from '../../src/segments/erase-part.ts'
import { nothing } from '../sequence.ts'
import type { LogStore, SequencedCommit } from '../store.ts'
import { readStored } from '../stored.ts'

/** What is read of the store at once. */
const pageLimits = { commitsMax: 2_000, bytesMax: 2_000_000 }
/** Events that are not asked for are read along when so few of them lie between two that are. */
const gapMax = 16
/** Characters of JSON text whose commits are kept parsed, the newest ones. */
const recentTextMax = 1_000_000
/** How long a pass over the log goes on before others get their turn. */
const breathMs = 10

interface Read {
  readonly commit: Commit
  readonly first: number
  readonly last: number
  readonly size: number
}

/**
 * Where the events of a log lie: by stream, type, tag and commit id, without their content, which is read when it is asked for. It
 * is made by one pass over the log and follows it.
 */
export class LogIndex {
  readonly events: EventIndex = new EventIndex()
  head: Seen = nothing
  /** Position of the last erasure. */
  erasedAt = 0
  readonly #store: LogStore
  readonly #log: string
  readonly #clock: Clock
  /** The position of the first event of each commit. */
  readonly #firsts = new Map<string, number>()
  readonly #recent: Read[] = []
  #recentSize = 0
  #erasures: Erasure[] = []
  readonly #following = new Shared(() => this.#follow())

  constructor(store: LogStore, log: string, clock: Clock) {
    this.#store = store
    this.#log = log
    this.#clock = clock
  }

  get marker(): Marker {
    const { position } = this.head
    return { database: `server/${this.#log}`, revision: position, confirmed: position }
  }

  /** Looks at the store, unless it is known up to a position. */
  async reach(position: number = Infinity): Promise<void> {
    if (this.head.position < position) await this.#following.run()
  }

  /** The first position of a commit. */
  positionOf(commitId: string): number | undefined {
    return this.#firsts.get(commitId)
  }

  /** Positions of events that any of the selectors matches. */
  matching(selectors: readonly Selector[], window: Window): Generator<number> {
    return this.events.matching(selectors, window)
  }

  /** The first stream of these that had ended at a position. */
  closedOf(streams: Iterable<string>, through: number): string | undefined {
    for (const stream of new Set(streams)) {
      const found = this.matching([{ stream, types: [closedType] }], { after: 0, through }).next()
      if (found.done !== true) return stream
    }
    return undefined
  }

  async commitAt(first: number): Promise<Commit> {
    const [place] = await this.placesOf([first])
    return place?.commit ?? missing(first)
  }

  async eventsAt(positions: readonly number[]): Promise<readonly PlacedEvent[]> {
    const places = await this.placesOf(positions)
    return places.map(({ commit, at, position, version }) => ({ ...placeOf(commit, at), position, version }))
  }

  /** The events at these positions, in their order, which rises or falls, as places in their commits. */
  async placesOf(positions: readonly number[]): Promise<readonly EventPlace[]> {
    const isFalling = (positions[0] ?? 0) > (positions.at(-1) ?? 0)
    const rising = isFalling ? [...positions].reverse() : positions
    const isErased = this.#erasures.length > 0 ? erasing(this.#erasures) : undefined
    const found: EventPlace[] = []
    while (found.length < rising.length) {
      const nth = found.length
      const page = this.#recentFrom(rising[nth] ?? 0) ?? (await this.#read(rising, nth))
      this.#take(page, rising, found, isErased)
      if (found.length === nth) return missing(rising[nth] ?? 0)
    }
    return isFalling ? found.reverse() : found
  }

  /** Adds what a page holds of the positions that are not found yet. */
  #take(
    page: readonly Read[],
    positions: readonly number[],
    found: EventPlace[],
    isErased: IsErased | undefined,
  ): void {
    for (const { commit: stored, first, last } of page) {
      let position = positions[found.length]
      if (position === undefined || position < first) return
      if (position > last) continue
      // An erasure counts from where it stands, however soon the store carries it out.
      const commit = isErased === undefined ? stored : eraseInCommit(stored, first, isErased)
      for (; position !== undefined && position <= last; position = positions[found.length]) {
        const at = position - first
        const stream = commit.events[at]?.stream ?? missing(position)
        found.push({ commit, at, position, version: this.events.versionOf(stream, position) })
      }
    }
  }

  async #read(positions: readonly number[], nth: number): Promise<readonly Read[]> {
    const from = positions[nth] ?? 0
    const commitsMax = Math.min(pageLimits.commitsMax, runEnd(positions, nth) - from + 1)
    const { commits } = await this.#store.range(this.#log, from - 1, { ...pageLimits, commitsMax })
    return commits.map(toRead)
  }

  #recentFrom(position: number): readonly Read[] | undefined {
    const [oldest] = this.#recent
    if (oldest === undefined || position < oldest.first) return undefined
    let from = this.#recent.length - 1
    while ((this.#recent[from]?.first ?? 0) > position) from--
    return this.#recent.slice(from)
  }

  async #follow(): Promise<void> {
    const breathe = createBreather(this.#clock, breathMs)
    for (;;) {
      await breathe()
      const { commits, head } = await this.#store.range(this.#log, this.head.position, pageLimits)
      if (head < this.head.position) throw new TidelogError('tidelog/storage-lost', 'the log is shorter than it was')
      for (const commit of commits) this.#add(commit)
      if (commits.length === 0 || this.head.position >= head) return
    }
  }

  #add(stored: SequencedCommit): void {
    const { id, first, last, digest } = stored
    if (first !== this.head.position + 1) throw damaged(`events behind ${this.head.position} are missing`)
    const read = toRead(stored)
    read.commit.events.forEach((event, at) => {
      this.events.add(first + at, event)
      if (event.type === erasedType) this.#addErasure(erasureOf(event, first + at), first + at)
    })
    if (!this.#firsts.has(id)) this.#firsts.set(id, first)
    this.#recent.push(read)
    this.#recentSize += read.size
    while (this.#recentSize > recentTextMax && this.#recent.length > 1)
      this.#recentSize -= this.#recent.shift()?.size ?? 0
    this.head = { position: last, digest }
  }

  #addErasure(erasure: Erasure | undefined, position: number): void {
    if (erasure === undefined) return
    // A later one of the same whole stream says all that the earlier one did.
    const { stream, isWhole } = erasure
    if (stream !== undefined && isWhole) this.#erasures = this.#erasures.filter((other) => other.stream !== stream)
    this.#erasures.push(erasure)
    this.erasedAt = position
  }
}

const toRead = (stored: SequencedCommit): Read => {
  const { first, last, text } = stored
  return { commit: readStored(stored), first, last, size: text.length }
}

/** The last of the positions that are read together with the nth. */
function runEnd(positions: readonly number[], nth: number): number {
  let end = positions[nth] ?? 0
  for (let at = nth + 1; at < positions.length; at++) {
    const next = positions[at] ?? 0
    if (next - end > gapMax || next - (positions[nth] ?? 0) > pageLimits.commitsMax) break
    end = next
  }
  return end
}

const missing = (position: number): never => {
  throw damaged(`the event at position ${position} is missing`)
}
