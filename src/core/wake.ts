import type { Clock } from './ports.ts'

/** Wakes one waiter; a wake that comes while nobody waits is kept for the next wait. */
export class Wake {
  #isSet = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#isSet = true
    this.#resolve?.()
  }

  /** Wakes who waits now; nothing is kept. */
  stir(): void {
    if (this.#resolve !== undefined) this.wake()
  }

  /** Resolves at the next wake, at once when one is kept. */
  async wait(): Promise<void> {
    if (!this.#isSet)
      await new Promise<void>((resolve) => {
        this.#resolve = resolve
      })
    this.#resolve = undefined
    this.#isSet = false
  }

  /** The same, and at the latest after so long. */
  async waitFor(clock: Clock, ms: number): Promise<void> {
    const callOff = clock.after(ms, () => this.wake())
    await this.wait()
    callOff()
  }
}
