import type { Commit } from '../core/commit.ts'
import { digestOfNothing } from '../core/digest.ts'
import { closedType } from '../core/lifecycle.ts'
import type { Selector } from '../core/query.ts'
import type { SegmentPlace } from '../protocol/rows.ts'
import type { Seen } from '../protocol/sync.ts'

import { allParts, type Found } from '../segments/directory.ts'
import type { PlacedCommit } from '../segments/pack.ts'
import { commitsOf, findInPart, readPart, type SealedEvent } from '../segments/part.ts'
import { partsFor, termsOf } from '../segments/selection.ts'
import { type Term, termOf } from '../segments/terms.ts'
import type { Store } from '../store/store.ts'
import { above, type Window } from './event-index.ts'
import { type PartsOf, Shelf, sortedPartsMax } from './shelf.ts'

/** More parts of one segment than this are read whole, in order, and page by page. */
const fewPartsMax = 24
/** Parts of many segments that are read in one transaction. */
const batchPartsMax = 64

/** The sealed part of a log at one moment: segments without a gap from position 1. Everything is looked up on disk. */
export class SealedLog {
  readonly segments: readonly SegmentPlace[]
  readonly #shelf: Shelf
  #hasClosings: boolean | undefined

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

  /** The same, of which nothing was read yet: its content is another one now. */
  anew(): SealedLog {
    return new SealedLog(this.#shelf.anew(), this.segments)
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

  /** Which of some commits may be here: two ids can look alike. */
  async mayHold(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.segments.length === 0) return new Set()
    const find = await this.#shelf.find(this.segments, ids.map(termOf.commit))
    const isIn = (id: string): boolean => {
      const findIn = find(termOf.commit(id))
      return this.segments.some((_, at) => findIn(at) !== undefined)
    }
    return new Set(ids.filter(isIn))
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
      const texts = (await this.#shelf.parts([{ place, numbers: found.parts }])).flat()
      // Two ids may share a term.
      const own = texts.flatMap((text) => readPart(text)).filter(({ commit }) => commit.head.id === commitId)
      const [placed] = commitsOf(own)
      if (placed === undefined) continue
      const versions = own.sort(byPosition).map(({ version }) => version)
      return { commit: placed.commit, first: placed.first, versions }
    }
    return undefined
  }

  /** Whether any stream was closed here. */
  async hasClosings(): Promise<boolean> {
    if (this.#hasClosings === undefined) {
      const term = termOf.type(closedType)
      const find = (await this.#shelf.find(this.segments, [term]))(term)
      this.#hasClosings = this.segments.some((_, at) => find(at) !== undefined)
    }
    return this.#hasClosings
  }

  /** Reads what {@link matching} has to know first, so that it need not wait for it. */
  async lookUp(selectors: readonly Selector[]): Promise<void> {
    await this.#shelf.find(this.segments, termsOf(selectors))
  }

  /** Events that match, segment by segment, in the window's direction. `readsOn`: all of them will be asked for. */
  async *matching(
    selectors: readonly Selector[],
    window: Window,
    readsOn = false,
  ): AsyncGenerator<readonly SealedEvent[]> {
    const { after, through, backwards = false } = window
    const overlapping = this.segments.filter(({ first, last }) => last > after && first <= through)
    if (backwards) overlapping.reverse()
    const find = await this.#shelf.find(overlapping, termsOf(selectors))
    const asked = overlapping.map((place, at): PartsOf => {
      return { place, numbers: partsFor(selectors, (term) => find(term)(at), place.parts) }
    })
    const batches = [...batchesOf(asked)]
    for (const [at, some] of batches.entries())
      for await (const found of this.#eventsOf(some, selectors, readsOn ? batches[at + 1] : undefined)) {
        const events = found.slice(above(found, after, positionOf), above(found, through, positionOf))
        if (backwards) events.reverse()
        if (events.length > 0) yield events
      }
  }

  /** The events that match in parts of one or of many segments, in log order, segment by segment. */
  async *#eventsOf(
    asked: readonly PartsOf[],
    selectors: readonly Selector[],
    next: readonly PartsOf[] | undefined,
  ): AsyncGenerator<readonly SealedEvent[]> {
    const find = ({ revision }: SegmentPlace, texts: readonly string[]): SealedEvent[] =>
      texts.flatMap((text) => findInPart(text, selectors, revision)).sort(byPosition)
    const sorted = ([one]: readonly PartsOf[] = []): Promise<readonly SealedEvent[]> | undefined =>
      one && one.numbers.length > fewPartsMax
        ? this.#shelf.sorted(one, JSON.stringify(selectors), (texts) => find(one.place, texts))
        : undefined
    const many = sorted(asked)
    if (many !== undefined) {
      const events = await many
      // Read while these are taken page by page, unless it would push them out.
      if (partCount(asked) + partCount(next ?? []) <= sortedPartsMax) sorted(next)?.catch(() => {})
      yield events
      return
    }
    const texts = await this.#shelf.parts(asked)
    for (const [nth, { place }] of asked.entries()) yield find(place, texts[nth] ?? [])
  }

  /** Numbers of the parts of a segment that have one of these terms. */
  async partsWith(place: SegmentPlace, terms: readonly Term[]): Promise<readonly number[]> {
    const find = await this.#shelf.find([place], terms)
    return [...new Set(terms.flatMap((term) => find(term)(0)?.parts ?? []))].sort((a, b) => a - b)
  }

  /** Texts of some parts of a segment. */
  textsOf(place: SegmentPlace, numbers: readonly number[]): Promise<readonly string[]> {
    return this.#shelf.manyParts({ place, numbers })
  }

  /** The commits of a segment. */
  async commitsOf(place: SegmentPlace): Promise<readonly PlacedCommit[]> {
    const texts = await this.#shelf.manyParts({ place, numbers: allParts(place.parts) })
    return commitsOf(texts.flatMap((text) => readPart(text, place.revision)))
  }
}

const partCount = (asked: readonly PartsOf[]): number => asked.reduce((sum, { numbers }) => sum + numbers.length, 0)

/** Neighbours that are read together: many segments of a few parts each, or one of many. */
function* batchesOf(asked: readonly PartsOf[]): Generator<readonly PartsOf[]> {
  let few: PartsOf[] = []
  let size = 0
  for (const one of asked) {
    const { length } = one.numbers
    const isMany = length > fewPartsMax
    if (few.length > 0 && (isMany || size + length > batchPartsMax)) {
      yield few
      few = []
      size = 0
    }
    if (isMany) yield [one]
    else {
      few.push(one)
      size += length
    }
  }
  if (few.length > 0) yield few
}

const positionOf = ({ position }: SealedEvent): number => position
const byPosition = (a: SealedEvent, b: SealedEvent): number => a.position - b.position
