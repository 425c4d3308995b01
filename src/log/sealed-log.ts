import type { Commit } from '../core/commit.ts'
import { digestOfNothing } from '../core/digest.ts'
import { matches, type Selector } from '../core/query.ts'
import type { SegmentPlace } from '../protocol/rows.ts'
import type { Seen } from '../protocol/sync.ts'
import { allParts, type Found } from '../segments/directory.ts'
import type { PlacedCommit } from '../segments/pack.ts'
import { commitsOf, type SealedEvent } from '../segments/part.ts'
import { partsFor, termsOf } from '../segments/selection.ts'
import { termOf } from '../segments/terms.ts'
import type { Store } from '../store/store.ts'
import type { Window } from './event-index.ts'
import { type PartsOf, Shelf } from './shelf.ts'

/** Parts that are read in one transaction, or those of one segment. */
const batchPartsMax = 64

/** The sealed part of a log at one moment: segments without a gap from position 1. Everything is looked up on disk. */
export class SealedLog {
  readonly segments: readonly SegmentPlace[]
  readonly #shelf: Shelf

  private constructor(shelf: Shelf, segments: readonly SegmentPlace[]) {
    this.#shelf = shelf
    this.segments = segments
  }

  static of(store: Store): SealedLog {
    return new SealedLog(new Shelf(store), [])
  }

  get head(): Seen {
    const last = this.segments.at(-1)
    return { position: last?.last ?? 0, digest: last?.digest ?? digestOfNothing }
  }

  /** The same with one more segment, in the place of those that it holds. */
  with(segment: SegmentPlace): SealedLog {
    return new SealedLog(this.#shelf, [...this.segments.filter(({ last }) => last < segment.first), segment])
  }

  /** What is sealed before a position. */
  until(position: number): SealedLog {
    return new SealedLog(
      this.#shelf,
      this.segments.filter(({ last }) => last < position),
    )
  }

  /** How many events each stream has. */
  async countsOf(streams: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    if (this.segments.length === 0) return counts
    const names = [...new Set(streams)]
    const find = await this.#shelf.find(this.segments, names.map(termOf.stream))
    for (const stream of names) {
      const findIn = find(termOf.stream(stream))
      let found: Found | undefined
      for (let at = this.segments.length - 1; at >= 0 && found === undefined; at--) found = findIn(at)
      if (found !== undefined) counts.set(stream, found.version)
    }
    return counts
  }

  /** The first position of a commit. */
  async positionOf(commitId: string): Promise<number | undefined> {
    return (await this.commitOf(commitId))?.first
  }

  /** A commit, with the versions of its events in their streams. */
  async commitOf(
    commitId: string,
  ): Promise<{ readonly commit: Commit; readonly first: number; readonly versions: readonly number[] } | undefined> {
    if (this.segments.length === 0) return undefined
    const term = termOf.commit(commitId)
    const findIn = (await this.#shelf.find(this.segments, [term]))(term)
    for (let at = this.segments.length - 1; at >= 0; at--) {
      const place = this.segments[at]
      const found = findIn(at)
      if (place === undefined || found === undefined) continue
      const parts = (await this.#shelf.parts([{ place, numbers: found.parts }])).flat()
      // Two ids may share a term.
      const own = parts.map((part) => ({ events: part.events.filter(({ commit }) => commit.head.id === commitId) }))
      const [placed] = commitsOf(own)
      if (placed === undefined) continue
      const events = own.flatMap((part) => part.events).sort(byPosition)
      return { commit: placed.commit, first: placed.first, versions: events.map((event) => event.placed.version) }
    }
    return undefined
  }

  /** Events that match, segment by segment, in the window's direction. */
  async *matching(selectors: readonly Selector[], window: Window): AsyncGenerator<readonly SealedEvent[]> {
    const { after, through, backwards = false } = window
    const overlapping = this.segments.filter(({ first, last }) => last > after && first <= through)
    if (backwards) overlapping.reverse()
    const find = await this.#shelf.find(overlapping, termsOf(selectors))
    const asked = overlapping.map((place, at): PartsOf => {
      return { place, numbers: partsFor(selectors, (term) => find(term)(at), place.parts) }
    })
    for (const some of batchesOf(asked))
      for (const parts of await this.#shelf.parts(some)) {
        const events = parts.flatMap((part) => part.events.filter(({ placed }) => isIn(placed, selectors, window)))
        events.sort(byPosition)
        if (backwards) events.reverse()
        if (events.length > 0) yield events
      }
  }

  /** The commits of a segment. */
  async commitsOf(place: SegmentPlace): Promise<readonly PlacedCommit[]> {
    return commitsOf((await this.#shelf.parts([{ place, numbers: allParts(place.parts) }])).flat())
  }
}

/** Neighbours that are read together: many segments of a few parts each, or one of many. */
function* batchesOf(asked: readonly PartsOf[]): Generator<readonly PartsOf[]> {
  let batch: PartsOf[] = []
  let size = 0
  for (const one of asked) {
    if (size > 0 && size + one.numbers.length > batchPartsMax) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(one)
    size += one.numbers.length
  }
  yield batch
}

const isIn = (event: SealedEvent['placed'], selectors: readonly Selector[], { after, through }: Window): boolean =>
  event.position > after && event.position <= through && matches(selectors, event)

const byPosition = (a: SealedEvent, b: SealedEvent): number => a.placed.position - b.placed.position
