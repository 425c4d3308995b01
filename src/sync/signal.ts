/** Wakes one waiter; a wake that comes while nobody waits is kept for the next wait. */
export class Wake {
  #isSet = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#isSet = true
    this.#resolve?.()
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
}
