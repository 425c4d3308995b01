import { mustBe } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import type { Clock } from '../core/ports.ts'
import { quickTurn, turn } from './turns.ts'

const turnsAfterTimer = 5

interface Timer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that stands still until it is moved. */
export class VirtualClock implements Clock {
  #now: number
  #order = 0
  readonly #timers = new Set<Timer>()

  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, callback }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Moves to the next timer and calls it; false when there is none. */
  step(): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#call(next)
    return true
  }

  /** Lets so much time pass: calls what falls due, and gives what follows from it some turns of the event loop to happen. */
  async pass(ms: number): Promise<void> {
    mustBe(isCount(ms), 'ms', ms)
    const end = this.#now + ms
    await turn()
    await quickTurns()
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#call(next)
      await quickTurns()
    }
    await turn()
    this.#now = Math.max(this.#now, end)
  }

  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    return next
  }

  #call(timer: Timer): void {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
  }
}

/** What a timer sets going has happened by then, unless it waits for something outside. */
async function quickTurns(): Promise<void> {
  for (let nth = 0; nth < turnsAfterTimer; nth++) await quickTurn()
}
