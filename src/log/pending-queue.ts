import type { Commit } from '../core/commit.ts'
import { closingOf } from '../core/lifecycle.ts'
import { commitEventsMax } from '../core/limits.ts'
import { conditionToSelectors, matches, type Selectable, type Selector } from '../core/query.ts'
import { ConditionIndex } from './condition-index.ts'
import { EventIndex } from './event-index.ts'

/** A commit that the sequencer has not confirmed. */
export interface PendingCommit {
  readonly commit: Commit
  /** Revision of the write that brought this content. */
  readonly revision: number
  /** Ordinal of its first event; a later commit has a higher one. It keeps it when its content is replaced. */
  readonly place: number
  /** What its condition looks at, and the end of its streams. */
  readonly selectors: readonly Selector[]
}

/** Places lie so far apart that the events of any commit fit between two of them. */
const placeStep = commitEventsMax + 1

/**
 * The pending commits of a log in local order. 1. Ids are unique. 2. The order is that of the `writes` rows. 3. What
 * comes in or leaves marks the commits whose conditions look at it as touched, until a rebase. Its cost follows what
 * changes, never the length of the queue.
 */
export class PendingQueue {
  readonly index: EventIndex = new EventIndex([])
  readonly #items = new Map<string, PendingCommit>()
  readonly #byPlace = new Map<number, PendingCommit>()
  readonly #conditions = new ConditionIndex<PendingCommit>()
  readonly #touched = new Set<PendingCommit>()
  #end = placeStep

  /** Every ordinal lies below. */
  get end(): number {
    return this.#end
  }
  get size(): number {
    return this.#items.size
  }
  /** The commits whose condition looks at what came in or left since they were decided. */
  get touched(): ReadonlySet<PendingCommit> {
    return this.#touched
  }
  list(): MapIterator<PendingCommit> {
    return this.#items.values()
  }
  get(id: string): PendingCommit | undefined {
    return this.#items.get(id)
  }
  /** The commit that an ordinal of {@link index} belongs to. */
  at(ordinal: number): PendingCommit | undefined {
    return this.#byPlace.get(ordinal - (ordinal % placeStep))
  }

  push(commit: Commit, revision: number): void {
    this.#put(commit, revision, this.#end)
    this.#end += placeStep
  }

  /** Ordinals of the events that match, in local order, from after one up to and including another. */
  matching(selectors: readonly Selector[], after: number = 0, through: number = Infinity): Generator<number> {
    return this.index.matching(selectors, { after, through })
  }

  /** The commits whose condition looks at an event. */
  lookingAt(event: Selectable): readonly PendingCommit[] {
    return this.#conditions.candidates(event).filter(({ selectors }) => matches(selectors, event))
  }

  /** Marks the commits that look at an event and stand behind a place. */
  touch(event: Selectable, place: number = 0): void {
    for (const item of this.lookingAt(event)) if (item.place > place) this.#touched.add(item)
  }

  /** Takes commits out; `marking` says whose leaving touches those behind it. */
  remove(ids: readonly string[], marking: (id: string) => boolean): void {
    const gone = ids.flatMap((id) => this.#items.get(id) ?? [])
    this.#unindex(gone)
    for (const item of gone) {
      this.#items.delete(item.commit.id)
      this.#byPlace.delete(item.place)
      this.#touched.delete(item)
    }
    for (const { commit, place } of gone)
      if (marking(commit.id)) for (const event of commit.events) this.touch(event, place)
  }

  /** The queue after a rebase: contents replaced in their places, nothing touched any more. */
  rebase(replaced: readonly Commit[], revision: number): void {
    const changes = replaced.flatMap((commit) => {
      const before = this.#items.get(commit.id)
      return before === undefined ? [] : { commit, before }
    })
    this.#unindex(changes.map(({ before }) => before))
    // The map keeps the place of a key that is set again.
    for (const { commit, before } of changes) this.#put(commit, revision, before.place)
    this.#touched.clear()
  }

  #put(commit: Commit, revision: number, place: number): void {
    const selectors = [...conditionToSelectors(commit.condition), ...closingOf(commit.events)]
    const item: PendingCommit = { commit, revision, place, selectors }
    this.#items.set(commit.id, item)
    this.#byPlace.set(place, item)
    this.#conditions.add(item)
    commit.events.forEach((event, at) => this.index.add(place + at, event))
  }

  #unindex(items: readonly PendingCommit[]): void {
    if (items.length === 0) return
    const events = new Map<number, Selectable>()
    for (const item of items) {
      this.#conditions.remove(item)
      item.commit.events.forEach((event, at) => events.set(item.place + at, event))
    }
    this.index.remove(events)
  }
}
