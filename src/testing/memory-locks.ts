import type { Clock, LockOptions, Locks } from '../core/ports.ts'

interface Waiting {
  readonly mode: 'exclusive' | 'shared'
  readonly grant: () => void
  /** The lock is taken away. */
  readonly lose: () => void
}
interface Name {
  readonly holders: Set<Waiting>
  readonly queue: Waiting[]
}

/** Locks by name within one program, first come, first served, as Web Locks are within one browser. */
export class MemoryLocks implements Locks {
  readonly #clock: Clock
  readonly #names = new Map<string, Name>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async request(name: string, options: LockOptions, hold: () => Promise<void>): Promise<boolean> {
    const state = this.#names.get(name) ?? { holders: new Set(), queue: [] }
    this.#names.set(name, state)
    let lose = (): void => {}
    const lost = new Promise<never>((_, reject) => {
      lose = () => reject(new DOMException('the lock was taken away', 'AbortError'))
    })
    lost.catch(() => {})
    const granted = options.steal ? this.#take(state, lose) : this.#acquire(state, options, lose)
    const held = await granted
    if (held === undefined) return false
    try {
      await Promise.race([hold(), lost])
    } finally {
      state.holders.delete(held)
      grantNext(state)
    }
    return true
  }

  #take(state: Name, lose: () => void): Waiting {
    for (const holder of state.holders) holder.lose()
    state.holders.clear()
    const holder: Waiting = { mode: 'exclusive', grant: () => {}, lose }
    state.holders.add(holder)
    return holder
  }

  #acquire(state: Name, { mode = 'exclusive', timeoutMs, signal }: LockOptions, lose: () => void) {
    return new Promise<Waiting | undefined>((resolve) => {
      let callOff = (): void => {}
      const waiting: Waiting = {
        mode,
        lose,
        grant: () => {
          callOff()
          signal?.removeEventListener('abort', giveUp)
          resolve(waiting)
        },
      }
      const giveUp = (): void => {
        callOff()
        signal?.removeEventListener('abort', giveUp)
        const at = state.queue.indexOf(waiting)
        if (at >= 0) state.queue.splice(at, 1)
        grantNext(state)
        resolve(undefined)
      }
      state.queue.push(waiting)
      grantNext(state)
      if (!state.queue.includes(waiting)) return
      if (timeoutMs === 0 || signal?.aborted) return giveUp()
      signal?.addEventListener('abort', giveUp)
      if (timeoutMs !== undefined) callOff = this.#clock.after(timeoutMs, giveUp)
    })
  }
}

function grantNext({ holders, queue }: Name): void {
  for (let first = queue[0]; first !== undefined; first = queue[0]) {
    const { mode } = first
    const isFree = holders.size === 0 || (mode === 'shared' && [...holders].every((other) => other.mode === 'shared'))
    if (!isFree) return
    queue.shift()
    holders.add(first)
    first.grant()
  }
}
