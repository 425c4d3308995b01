import type { Alarms, Sleeping } from './alarms.ts'

export type Wake = 'moved' | 'ended' | 'heartbeat'

/** Whoever sleeps; an object, since a function of each would hold more. */
export interface Sleeper {
  readonly woken: (why: Wake) => void
}

/** What a live stream or a long poll sleeps on. */
export class Wakes implements Sleeping {
  readonly #heartbeats: Alarms | undefined
  #hasMoved = false
  #hasEnded = false
  #sleeper: Sleeper | undefined

  /** With alarms it wakes also when nothing happens. */
  constructor(heartbeats?: Alarms) {
    this.#heartbeats = heartbeats
  }

  moved(): void {
    this.#hasMoved = true
    this.#tell('moved')
  }
  end(): void {
    this.#hasEnded = true
    this.#tell('ended')
  }
  ring(): void {
    this.#tell('heartbeat')
  }
  ended(): boolean {
    return this.#hasEnded
  }

  /** What has happened since the last call, so that no wake is lost while a page is written; else it is told once to who sleeps. */
  sleep(sleeper: Sleeper): Wake | undefined {
    const pending = this.#hasEnded ? 'ended' : this.#hasMoved ? 'moved' : undefined
    this.#hasMoved = false
    if (pending !== undefined) return pending
    this.#sleeper = sleeper
    this.#heartbeats?.set(this)
    return undefined
  }

  /** The same as a promise. */
  next(): Promise<Wake> {
    return new Promise((woken) => {
      const pending = this.sleep({ woken })
      if (pending !== undefined) woken(pending)
    })
  }

  #tell(why: Wake): void {
    const sleeper = this.#sleeper
    if (sleeper === undefined) return
    this.#sleeper = undefined
    this.#hasMoved = false
    this.#heartbeats?.clear(this)
    sleeper.woken(why)
  }
}
