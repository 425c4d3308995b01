import type { Clock, Random } from '../core/ports.ts'
import { retryAfterMs, sleep } from './attempts.ts'
import type { Ending, Subscription } from './types.ts'

export interface KeepRunningOptions {
  /** After an end that was to be expected; 100 ms by default. */
  readonly againMs?: number
  /** After the first failure in a row; doubles with each. 1,000 ms by default, 60,000 at most. */
  readonly retryMs?: number
  readonly retryMsMax?: number
}
/** A consumer that is begun again whenever it ends. */
export interface Runner {
  /** The run of the moment. */
  readonly current: () => Subscription | undefined
  /** Failures in a row. */
  readonly failures: () => number
  readonly ended: Promise<Ending | undefined>
  readonly stop: () => Promise<Ending | undefined>
}

/**
 * Begins a consumer again: soon after an end that was to be expected, with back-off after a failure. It ends by `stop`, with the
 * log, and when the consumer is aborted by its own signal.
 */
export function keepRunningOver(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  start: () => Subscription,
  { againMs = 100, retryMs = 1_000, retryMsMax = 60_000 }: KeepRunningOptions = {},
): Runner {
  const stopping = new AbortController()
  let current: Subscription | undefined
  let failures = 0
  const run = async (): Promise<Ending | undefined> => {
    let ending: Ending | undefined
    const isOver = (): boolean => ending?.reason === 'closed' || ending?.reason === 'aborted'
    while (!stopping.signal.aborted && !isOver()) {
      try {
        current = start()
      } catch (error) {
        // What makes no sense makes none the next time.
        return { reason: 'failed', error }
      }
      const { status } = current
      ending = await current.ended
      // A run that got somewhere has mended what was wrong before.
      if (ending.reason === 'failed') failures = status.get().processed > 0 ? 1 : failures + 1
      else failures = 0
      current = undefined
      const waitMs = failures === 0 ? againMs : retryAfterMs(failures, retryMs, retryMsMax, random)
      if (!isOver()) await sleep(clock, waitMs, stopping.signal)
    }
    return ending
  }
  const ended = run()
  return {
    current: () => current,
    failures: () => failures,
    ended,
    stop: async () => {
      stopping.abort()
      await current?.stop()
      return ended
    },
  }
}
