import type { Clock } from '../src/core/ports.ts'

/** Who is late is found this many times in the time that is waited for. */
const looks = 8

/** Whoever is to be woken when its time is over. */
export interface Sleeping {
  readonly ring: () => void
}

/**
 * Wakes whoever set an alarm after always the same time, or up to an eighth earlier. One timer serves thousands: each with one
 * of its own would be a large part of what an idle client costs.
 */
export class Alarms {
  readonly #clock: Clock
  readonly #ms: number
  /** In the order in which they are due. */
  readonly #setAt = new Map<Sleeping, number>()
  #look = 0
  #callOff: (() => void) | undefined

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Sets it, or sets it anew. */
  set(who: Sleeping): void {
    this.#setAt.delete(who)
    this.#setAt.set(who, this.#look)
    if (this.#callOff === undefined) this.#wait()
  }

  clear(who: Sleeping): void {
    if (!this.#setAt.delete(who) || this.#setAt.size > 0) return
    this.#callOff?.()
    this.#callOff = undefined
  }

  #wait(): void {
    this.#callOff = this.#clock.after(this.#ms / looks, () => this.#wake())
  }

  #wake(): void {
    this.#look += 1
    this.#callOff = undefined
    for (const [who, at] of this.#setAt) {
      if (this.#look - at < looks) break
      this.#setAt.delete(who)
      who.ring()
    }
    if (this.#callOff === undefined && this.#setAt.size > 0) this.#wait()
  }
}
