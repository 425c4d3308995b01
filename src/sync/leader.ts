import type { GuardedLock } from '../core/guarded-lock.ts'
import type { Clock } from '../core/ports.ts'
import { Wake } from '../core/wake.ts'

/** Between two requests, so that a lock that is refused at once is not asked for without pause. */
const pauseMs = 1_000

export interface Seeking {
  /** Lets the lead go at once and does not ask for it, until it is called with false. */
  readonly suspend: (isSuspended: boolean) => void
  /** Resolves when nothing of the lead runs any more. */
  readonly stop: () => Promise<void>
}

/**
 * Runs `lead` while this worker holds the leader's lock, and asks for the lock again and again until it is stopped.
 * The lock saves double work only; two leaders at once are harmless.
 */
export function seekLead(lock: GuardedLock, clock: Clock, lead: (over: AbortSignal) => Promise<void>): Seeking {
  const wake = new Wake()
  let turn = new AbortController()
  let isStopped = false
  let isSuspended = false
  const seek = async (): Promise<void> => {
    while (!isStopped) {
      if (isSuspended) {
        await wake.wait()
        continue
      }
      turn = new AbortController()
      await lock.hold(lead, turn.signal).catch(() => {})
      // Also after it led: whoever else asks for the lock is to have it.
      await wake.waitFor(clock, pauseMs)
    }
  }
  const ended = seek()
  const change = (): void => {
    if (isStopped || isSuspended) turn.abort()
    wake.wake()
  }
  return {
    suspend: (isNow) => {
      isSuspended = isNow
      change()
    },
    stop: () => {
      isStopped = true
      change()
      return ended
    },
  }
}
