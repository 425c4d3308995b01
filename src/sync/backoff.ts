import { longestWaitMs } from '../core/backoff.ts'
import type { Random } from '../core/ports.ts'

const retryMsBase = 500
const retryMsMax = 60_000
/** A server that asks for more is asked again after this long. */
export const retryAfterMsMax = 3_600_000

/** How long to wait after the n-th failure in a row (from 1): exponential, with full jitter, and never below what the server asked for. */
export function backoffMs(failures: number, random: Random, leastMs = 0): number {
  return Math.max(leastMs, Math.round(longestWaitMs(failures, retryMsBase, retryMsMax) * random.fraction()))
}
