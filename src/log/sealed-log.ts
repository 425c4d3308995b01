import type { Commit } from '../core/commit.ts'
import { digestOfNothing } from '../core/digest.ts'
import { matches, type Selector } from '../core/query.ts'
import type { SegmentPlace } from '../protocol/rows.ts'
import type { Seen } from '../protocol/sync.ts'
import { allParts } from '../segments/directory.ts'
import type { PlacedCommit } from '../segments/pack.ts'
import { commitsOf, type SealedEvent } from '../segments/part.ts'
import { partsFor, termsOf } from '../segments/selection.ts'
import { termOf } from '../segments/terms.ts'
import type { Store } from '../store/store.ts'
import type { Window } from './event-index.ts'
import { Shelf } from './shelf.ts'

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
      const term = termOf.stream(stream)
      const last = this.segments.findLast((place) => find(place, term) !== undefined)
      if (last !== undefined) counts.set(stream, find(last, term)?.version ?? 0)
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
    const find = await this.#shelf.find(this.segments, [term])
    for (const place of this.segments.toReversed()) {
      const found = find(place, term)
      if (found === undefined) continue
      const parts = await this.#shelf.parts(place, found.parts)
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
    const terms = termsOf(selectors)
    for (const place of overlapping) {
      const find = await this.#shelf.find([place], terms)
      const numbers = partsFor(selectors, (term) => find(place, term), place.parts)
      const events: SealedEvent[] = []
      for (const part of await this.#shelf.parts(place, numbers))
        for (const event of part.events) {
          const { placed } = event
          if (placed.position > after && placed.position <= through && matches(selectors, placed)) events.push(event)
        }
      events.sort(byPosition)
      if (backwards) events.reverse()
      if (events.length > 0) yield events
    }
  }

  /** The commits of a segment. */
  async commitsOf(place: SegmentPlace): Promise<readonly PlacedCommit[]> {
    return commitsOf(await this.#shelf.parts(place, allParts(place.parts)))
  }
}

const byPosition = (a: SealedEvent, b: SealedEvent): number => a.placed.position - b.placed.position
