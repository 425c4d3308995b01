import type { Ruling } from '../../src/core/command.ts'
import { pageEventsMax } from '../../src/core/limits.ts'
import type { LogIndex } from './log-index.ts'

/** States that are kept between two decisions. */
const statesMax = 1_000

/** What deciders look at: a state that was folded before goes on from where it was. */
export class DecidedStates {
  readonly #index: LogIndex
  /** Least recently used first. */
  readonly #states = new Map<string, { readonly state: unknown; readonly through: number }>()
  #erasedAt = 0

  constructor(index: LogIndex) {
    this.#index = index
  }

  /** The state of a ruling at a position. */
  async at(ruling: Ruling, through: number): Promise<unknown> {
    const { erasedAt } = this.#index
    // What was folded may hold what is removed since.
    if (erasedAt !== this.#erasedAt) this.#states.clear()
    this.#erasedAt = erasedAt
    const kept = this.#states.get(ruling.key)
    const before = kept !== undefined && kept.through <= through ? kept : { state: ruling.initial, through: 0 }
    const matching = this.#index.matching(ruling.selectors, { after: before.through, through })
    let { state } = before
    for (let positions = take(matching); positions.length > 0; positions = take(matching))
      state = ruling.fold(state, await this.#index.eventsAt(positions))
    this.#states.delete(ruling.key)
    this.#states.set(ruling.key, { state, through })
    const [oldest] = this.#states.keys()
    if (this.#states.size > statesMax && oldest !== undefined) this.#states.delete(oldest)
    return state
  }
}

function take(matching: Generator<number>): readonly number[] {
  const positions: number[] = []
  while (positions.length < pageEventsMax) {
    const { done, value } = matching.next()
    if (done === true) break
    positions.push(value)
  }
  return positions
}
