import type { HandlerContext } from './context.ts'
import { refuse } from './problems.ts'
import { createWakes, type Wakes } from './wakes.ts'

/** One who waits for a log to grow. */
export interface Waiter {
  readonly wakes: Wakes
  /** Leaves; whoever joined must call it in the end. */
  readonly end: () => void
}

/** All who wait for a log of one handler to grow: live streams and long polls. */
export interface Waiters {
  /** Ends by itself after `msMax`, when the signal aborts, and when all are stopped; throws a problem when too many wait. */
  readonly join: (log: string, signal: AbortSignal, msMax: number) => Waiter
  /** Ends all of them and refuses new ones. */
  readonly stop: () => void
  readonly count: () => number
}

export function createWaiters({ store, clock, limits }: HandlerContext): Waiters {
  const ends = new Set<() => void>()
  let stopped = false
  const join: Waiters['join'] = (log, signal, msMax) => {
    if (stopped || ends.size >= limits.liveStreamsMax)
      refuse(503, 'live', stopped ? 'The server is stopping' : 'Too many live streams', {
        headers: { 'retry-after': '5' },
      })
    const wakes = createWakes(clock)
    const stopWatching = store.watch(log, wakes.moved)
    const end = (): void => {
      if (!ends.delete(end)) return
      stopWatching()
      callOff()
      signal.removeEventListener('abort', end)
      wakes.end()
    }
    ends.add(end)
    const callOff = clock.after(msMax, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    return { wakes, end }
  }
  const stop = (): void => {
    stopped = true
    for (const end of [...ends]) end()
  }
  return { join, stop, count: () => ends.size }
}
