import type { Clock, Locks } from '../core/ports.ts'

/** After a lost race writers take turns for this long. */
const contendedMs = 500
/** A turn that does not come in this time is done without: the key is the fence, the turn only a courtesy. */
const turnTimeoutMs = 100

/** Lets writers of several tabs take turns while they get in each other's way; backing off at random starved some. */
export class Turnstile {
  readonly #name: string
  readonly #locks: Locks
  readonly #clock: Clock
  #until = 0

  constructor(name: string, locks: Locks, clock: Clock) {
    this.#name = name
    this.#locks = locks
    this.#clock = clock
  }

  /** Somebody lost a race. */
  contended(): void {
    this.#until = this.#clock.now() + contendedMs
  }

  /** Runs a write in its turn: at once while there is no contention; `inTurn` tells the write to read the tail first. */
  async run<T>(write: (inTurn: boolean) => Promise<T>): Promise<T> {
    const leftMs = this.#until - this.#clock.now()
    // More is left only to a clock that was set back.
    if (leftMs <= 0 || leftMs > contendedMs) return write(false)
    const result: { value?: Promise<T> } = {}
    await this.#locks.request(this.#name, { timeoutMs: turnTimeoutMs }, async () => {
      result.value = write(true)
      await result.value.catch(() => {})
    })
    return result.value ?? write(true)
  }
}
