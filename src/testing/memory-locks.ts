import type { Clock, LockOptions, Locks } from '../core/ports.ts'

interface Waiting {
  readonly mode: 'exclusive' | 'shared'
  readonly grant: () => void
}
interface Name {
  exclusive: boolean
  shared: number
  readonly queue: Waiting[]
}

/** Locks by name within one program, first come, first served, as Web Locks are within one browser. */
export class MemoryLocks implements Locks {
  readonly #clock: Clock
  readonly #names = new Map<string, Name>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async request(
    name: string,
    { mode = 'exclusive', timeoutMs, signal }: LockOptions,
    hold: () => Promise<void>,
  ): Promise<boolean> {
    const granted = await this.#acquire(name, mode, timeoutMs, signal)
    if (!granted) return false
    try {
      await hold()
    } finally {
      this.#release(name, mode)
    }
    return true
  }

  #acquire(
    name: string,
    mode: 'exclusive' | 'shared',
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const state = this.#names.get(name) ?? { exclusive: false, shared: 0, queue: [] }
    this.#names.set(name, state)
    return new Promise((resolve) => {
      const waiting: Waiting = {
        mode,
        grant: () => {
          callOff()
          signal?.removeEventListener('abort', giveUp)
          resolve(true)
        },
      }
      let callOff = (): void => {}
      const giveUp = (): void => {
        callOff()
        const at = state.queue.indexOf(waiting)
        if (at >= 0) state.queue.splice(at, 1)
        resolve(false)
      }
      state.queue.push(waiting)
      this.#grant(state)
      if (!state.queue.includes(waiting)) return
      if (timeoutMs === 0 || signal?.aborted) return giveUp()
      signal?.addEventListener('abort', giveUp)
      if (timeoutMs !== undefined) callOff = this.#clock.after(timeoutMs, giveUp)
    })
  }

  #release(name: string, mode: 'exclusive' | 'shared'): void {
    const state = this.#names.get(name)
    if (state === undefined) return
    if (mode === 'exclusive') state.exclusive = false
    else state.shared -= 1
    this.#grant(state)
  }

  #grant(state: Name): void {
    for (let first = state.queue[0]; first !== undefined; first = state.queue[0]) {
      const isFree = !state.exclusive && (first.mode === 'shared' || state.shared === 0)
      if (!isFree) return
      state.queue.shift()
      if (first.mode === 'exclusive') state.exclusive = true
      else state.shared += 1
      first.grant()
    }
  }
}
