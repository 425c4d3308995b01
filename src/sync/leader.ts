import type { Clock, Locks } from '../core/ports.ts'

/** A request that has to wait longer is taken back and made anew: one that queues behind a page in the back/forward cache can wait for minutes. */
const requestTimeoutMs = 3_000
/** Between two requests, so that a browser without Web Locks is not asked without pause. */
const pauseMs = 1_000

/**
 * Runs `lead` while this worker holds the leader's lock, and asks for the lock again and again until stopped. The lock
 * saves double work only; two leaders at once are harmless.
 */
export class Leadership {
  readonly #name: string
  readonly #locks: Locks
  readonly #clock: Clock
  #isStopped = false
  #wakeUp: () => void = () => {}

  constructor(name: string, locks: Locks, clock: Clock) {
    this.#name = name
    this.#locks = locks
    this.#clock = clock
  }

  async run(lead: () => Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      const held = await this.#locks.request(this.#name, { timeoutMs: requestTimeoutMs }, async () => {
        if (!this.#isStopped) await lead()
      })
      if (!held && !this.#isStopped) await this.#pause()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#wakeUp()
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#clock.after(pauseMs, resolve)
      this.#wakeUp = () => {
        callOff()
        resolve()
      }
    })
  }
}
