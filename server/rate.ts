import { mustBe } from '../src/core/errors.ts'
import type { Clock } from '../src/core/ports.ts'

/** How fast each of many clients may go on. */
export interface Rate {
  /** Takes a turn; when there is none left nothing is taken, and the milliseconds are given after which there is one. */
  readonly take: (client: string) => number
  /** Takes for what turned out to cost more; what is not there is owed. */
  readonly charge: (client: string, turns: number) => void
  /** Number of clients that are remembered. */
  readonly count: () => number
}
export interface RateOptions {
  readonly perSecond: number
  readonly burst: number
  readonly clock: Clock
  /** Clients that are remembered; the one that was not heard of for longest is forgotten for a new one. */
  readonly clientsMax?: number
}

/**
 * A token bucket for each client, kept as one number: when it would be full again. Who has a full one need not be
 * remembered, and the memory is bounded in any case.
 */
export function createRate({ perSecond, burst, clock, clientsMax = 10_000 }: RateOptions): Rate {
  mustBe(perSecond > 0, 'requestsPerSecond', perSecond)
  mustBe(burst >= 1, 'requestsBurst', burst)
  const turnMs = 1_000 / perSecond
  const burstMs = burst * turnMs
  /** When the bucket is full, in the order in which clients were heard of. */
  const fullAt = new Map<string, number>()
  const unlimited = turnMs === 0 || burstMs === Infinity
  /** Never far ahead: neither a debt nor a clock that was put back shuts anybody out for long. */
  const msToFull = (client: string, now: number): number => {
    const ms = Math.max((fullAt.get(client) ?? now) - now, 0)
    if (ms <= 2 * burstMs) return ms
    fullAt.set(client, now + 2 * burstMs)
    return 2 * burstMs
  }
  const keep = (client: string, until: number): void => {
    fullAt.delete(client)
    fullAt.set(client, until)
    const [oldest] = fullAt.keys()
    if (fullAt.size > clientsMax && oldest !== undefined) fullAt.delete(oldest)
  }
  return {
    take: (client) => {
      if (unlimited) return 0
      const now = clock.now()
      const filling = msToFull(client, now) + turnMs
      if (filling > burstMs) return filling - burstMs
      keep(client, now + filling)
      return 0
    },
    charge: (client, turns) => {
      if (unlimited || turns <= 0) return
      const now = clock.now()
      keep(client, now + msToFull(client, now) + Math.min(turns * turnMs, 2 * burstMs))
    },
    count: () => fullAt.size,
  }
}
