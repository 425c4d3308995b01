import { type Audience, createAudience } from './audience.ts'
import type { HandlerContext } from './context.ts'
import type { WaitEvent } from './observe.ts'
import { refuse } from './problems.ts'
import { createWakes, type Wakes } from './wakes.ts'

/** One who waits for a log to grow. */
export interface Waiter {
  readonly wakes: Wakes
  /** A page of the log as it is now; read once for all who wait behind the same position. */
  readonly read: Audience['read']
  /** Leaves; whoever joined must call it in the end. */
  readonly end: () => void
}

/** Who is to wait for which log. */
export interface Joining {
  readonly log: string
  /** Whose waiters are counted together. */
  readonly client: string | undefined
  readonly requestId: string | undefined
  readonly signal: AbortSignal
}

/** All who wait for a log of one handler to grow: live streams and long polls. */
export interface Waiters {
  /** Ends by itself after `msMax`, when the signal aborts, and when all are stopped; throws a problem when too many wait. */
  readonly join: (route: WaitEvent['route'], who: Joining, msMax: number) => Waiter
  /** Ends all of them and refuses new ones. */
  readonly stop: () => void
  readonly count: () => number
}

export function createWaiters({ store, clock, limits, observe }: HandlerContext): Waiters {
  const ends = new Set<() => void>()
  const countOf = new Map<string, number>()
  const audiences = new Map<string, Audience>()
  let stopped = false
  const join: Waiters['join'] = (route, { log, client, requestId, signal }, msMax) => {
    if (stopped || ends.size >= limits.liveStreamsMax)
      refuse(503, 'live', stopped ? 'The server is stopping' : 'Too many live streams', {
        headers: { 'retry-after': '5' },
      })
    const own = client === undefined ? 0 : (countOf.get(client) ?? 0)
    if (own >= limits.clientStreamsMax)
      refuse(429, 'too-many-streams', 'Too many live streams of one client', { headers: { 'retry-after': '5' } })
    if (client !== undefined) countOf.set(client, own + 1)
    const wakes = createWakes(clock)
    const audience = audiences.get(log) ?? createAudience(store, log)
    audiences.set(log, audience)
    audience.add(wakes)
    const end = (): void => {
      if (!ends.delete(end)) return
      leave(client)
      if (audience.remove(wakes)) audiences.delete(log)
      callOff()
      wakes.end()
      observe?.({ type: 'wait-ended', requestId, route })
    }
    ends.add(end)
    observe?.({ type: 'wait-began', requestId, route })
    const callOff = clock.after(msMax, end)
    // Never taken back: whoever waits would hold the signal, and with it the request, for as long as that.
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    return { wakes, read: audience.read, end }
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
