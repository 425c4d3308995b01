import type { HandlerContext } from './context.ts'
import { refuse } from './problems.ts'
import { createWakes, type Wakes } from './wakes.ts'

/** One who waits for a log to grow. */
export interface Waiter {
  readonly wakes: Wakes
  /** Leaves; whoever joined must call it in the end. */
  readonly end: () => void
}

/** Who is to wait for which log. */
export interface Joining {
  readonly log: string
  /** Whose waiters are counted together. */
  readonly client: string | undefined
  readonly signal: AbortSignal
}

/** All who wait for a log of one handler to grow: live streams and long polls. */
export interface Waiters {
  /** Ends by itself after `msMax`, when the signal aborts, and when all are stopped; throws a problem when too many wait. */
  readonly join: (who: Joining, msMax: number) => Waiter
  /** Ends all of them and refuses new ones. */
  readonly stop: () => void
  readonly count: () => number
}

export function createWaiters({ store, clock, limits }: HandlerContext): Waiters {
  const ends = new Set<() => void>()
  const countOf = new Map<string, number>()
  let stopped = false
  const join: Waiters['join'] = ({ log, client, signal }, msMax) => {
    if (stopped || ends.size >= limits.liveStreamsMax)
      refuse(503, 'live', stopped ? 'The server is stopping' : 'Too many live streams', {
        headers: { 'retry-after': '5' },
      })
    const own = client === undefined ? 0 : (countOf.get(client) ?? 0)
    if (own >= limits.clientStreamsMax)
      refuse(429, 'too-many-streams', 'Too many live streams of one client', { headers: { 'retry-after': '5' } })
    if (client !== undefined) countOf.set(client, own + 1)
    const wakes = createWakes(clock)
    const stopWatching = store.watch(log, wakes.moved)
    const end = (): void => {
      if (!ends.delete(end)) return
      leave(client)
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
  const leave = (client: string | undefined): void => {
    if (client === undefined) return
    const left = (countOf.get(client) ?? 0) - 1
    if (left > 0) countOf.set(client, left)
    else countOf.delete(client)
  }
  const stop = (): void => {
    stopped = true
    for (const end of [...ends]) end()
  }
  return { join, stop, count: () => ends.size }
}
