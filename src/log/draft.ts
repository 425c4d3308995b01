import type { Ruling } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import { deepFreeze } from '../core/decode.ts'
import type { Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { placeOf } from './content.ts'
import type { Ground } from './deciding-port.ts'
import { EventIndex } from './event-index.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** States that are kept for decisions to come. */
const statesMax = 256

/** A state that was folded from the confirmed events of a scope up to a position, and the pending ones up to an ordinal. */
interface Folded {
  readonly state: unknown
  readonly position: number
  readonly through: number
}

/**
 * The queue as it will be: some commits gone, some with other content in their places. Gives each decision the state
 * of its scope; decisions come in local order, so what was folded for one is where the next of its scope begins.
 */
export class Draft {
  readonly #ground: Ground
  readonly #view: View
  readonly #gone = new Set<PendingCommit>()
  readonly #goneEvents = new EventIndex([])
  readonly #newEvents = new EventIndex([])
  readonly #newCommits = new Map<PendingCommit, Commit>()
  readonly #folded = new Map<string, Folded>()

  constructor(ground: Ground) {
    this.#ground = ground
    this.#view = ground.view
  }

  /** Takes a commit out, or puts another content in its place. */
  replace(item: PendingCommit, commit: Commit | undefined): void {
    this.#gone.add(item)
    item.commit.events.forEach((event, at) => this.#goneEvents.add(item.place + at, event))
    if (commit === undefined) return
    this.#newCommits.set(item, commit)
    commit.events.forEach((event, at) => this.#newEvents.add(item.place + at, event))
  }

  /** The state that a ruling decides on: what is confirmed, and what is pending before a place. */
  async stateAt({ key, selectors, initial, fold }: Ruling, place: number): Promise<unknown> {
    const { confirmed, pending, sealed } = this.#view
    const before = this.#folded.get(key) ?? { state: initial, position: 0, through: 0 }
    const { position } = confirmed.head
    const through = Math.min(place, pending.end) - 1
    const positions = [...confirmed.matching(selectors, { after: before.position, through: position })]
    const queueing = this.#pending(selectors, before.through, through)
    // Awaited below, when what is confirmed has been folded.
    queueing.catch(() => {})
    let below = before.state
    for await (const events of sealed.matching(selectors, { after: before.position, through: position }))
      below = fold(
        below,
        events.map(({ placed }) => placed),
      )
    if (positions.length > 0) below = fold(below, await this.#ground.content.eventsAt(positions))
    // Kept for decisions to come: a rule that changes what it is given has to hear of it.
    const state = deepFreeze(fold(below, await queueing))
    if (this.#folded.size >= statesMax) this.#folded.clear()
    this.#folded.set(key, { state, position, through })
    return state
  }

  /** For the moment of the call. */
  async #pending(selectors: readonly Selector[], after: number, through: number): Promise<readonly PlacedEvent[]> {
    const { pending } = this.#view
    const kept = [...pending.matching(selectors, after, through)].filter((ordinal) => {
      const item = pending.at(ordinal)
      return item !== undefined && !this.#gone.has(item)
    })
    const fresh = this.#newEvents.matching(selectors, { after, through })
    const events = [...kept, ...fresh].sort((a, b) => a - b).map((ordinal) => this.#place(ordinal))
    if (events.length === 0) return events
    const countOf = await this.#view.confirmedCounts(events.map(({ stream }) => stream))
    return events.map((event) => ({ ...event, version: event.version + countOf(event.stream) }))
  }

  /** An event in its place, with its version among those of the queue. */

  #place(ordinal: number): PlacedEvent {
    const { pending } = this.#view
    const item = pending.at(ordinal)
    const placed = placeOf(item && (this.#newCommits.get(item) ?? item.commit), ordinal - (item?.place ?? 0))
    const { stream } = placed
    const version =
      pending.index.versionOf(stream, ordinal) -
      this.#goneEvents.versionOf(stream, ordinal) +
      this.#newEvents.versionOf(stream, ordinal)
    return { ...placed, version }
  }
}
