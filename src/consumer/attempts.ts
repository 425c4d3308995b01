import { longestWaitMs } from '../core/backoff.ts'
import { TidelogError } from '../core/errors.ts'
import type { Clock, Random } from '../core/ports.ts'

/** Resolves after so long, or when the signal is aborted. */
export const sleep = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      callOff()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const callOff = clock.after(ms, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })

/** How long to wait after the n-th failure (from 1): doubles each time, with jitter over the upper half. */
export const retryAfterMs = (failures: number, firstMs: number, mostMs: number, random: Random): number =>
  Math.round(longestWaitMs(failures, firstMs, mostMs) * (0.5 + random.fraction() / 2))

/** Runs what may hang; rejects with `tidelog/timeout` when it lasts longer, and with `tidelog/aborted` at the abort of the signal. */
export async function within<T>(
  use: (signal: AbortSignal) => T | Promise<T>,
  {
    clock,
    timeoutMs,
    signal,
  }: { readonly clock: Clock; readonly timeoutMs: number | undefined; readonly signal: AbortSignal },
): Promise<T> {
  const own = new AbortController()
  const abort = (): void => own.abort(signal.reason)
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  let callOff = (): void => {}
  const late = new Promise<never>((_, reject) => {
    if (timeoutMs === undefined) return
    callOff = clock.after(timeoutMs, () => {
      const error = new TidelogError('tidelog/timeout', `${timeoutMs} ms are over`)
      own.abort(error)
      reject(error)
    })
  })
  try {
    return await Promise.race([use(own.signal), late])
  } finally {
    callOff()
    signal.removeEventListener('abort', abort)
  }
}
