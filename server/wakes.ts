import type { Clock } from '../src/core/ports.ts'

export type Wake = 'moved' | 'ended' | 'heartbeat'

/** What a live stream or a long poll sleeps on. */
export interface Wakes {
  readonly moved: () => void
  readonly end: () => void
  readonly ended: () => boolean
  /** Resolves at once for what happened since the last call, so that no wake is lost while a page is written. */
  readonly next: (heartbeatMs?: number) => Promise<Wake>
}

export const createWakes = (clock: Clock): Wakes => new Sleeper(clock)

class Sleeper implements Wakes {
  readonly #clock: Clock
  #hasMoved = false
  #hasEnded = false
  #wake: ((why: Wake) => void) | undefined
  #callOff: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  moved(): void {
    this.#hasMoved = true
    this.#tell('moved')
  }
  end(): void {
    this.#hasEnded = true
    this.#tell('ended')
  }
  ended(): boolean {
    return this.#hasEnded
  }

  next(heartbeatMs?: number): Promise<Wake> {
    const pending = this.#hasEnded ? 'ended' : this.#hasMoved ? 'moved' : undefined
    this.#hasMoved = false
    if (pending !== undefined) return Promise.resolve(pending)
    return new Promise((resolve) => {
      this.#wake = resolve
      if (heartbeatMs !== undefined) this.#callOff = this.#clock.after(heartbeatMs, () => this.#tell('heartbeat'))
    })
  }

  #tell(why: Wake): void {
    const wake = this.#wake
    if (wake === undefined) return
    this.#wake = undefined
    this.#hasMoved = false
    this.#callOff?.()
    this.#callOff = undefined
    wake(why)
  }
}
