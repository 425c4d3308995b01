import type { Clock, Locks } from '../core/ports.ts'
import { Wake } from '../core/wake.ts'

/** A request that has to wait longer is taken back and made anew: one that queues behind a page in the back/forward cache can wait for minutes. */
const requestTimeoutMs = 3_000
/** Between two requests, so that a lock that is refused at once is not asked for without pause. */
const pauseMs = 1_000

/**
 * Runs `lead` while this worker holds the leader's lock, and asks for the lock again and again until the answer is called.
 * The lock saves double work only; two leaders at once are harmless.
 */
export function seekLead(name: string, locks: Locks, clock: Clock, lead: () => Promise<void>): () => void {
  const wake = new Wake()
  let isStopped = false
  const seek = async (): Promise<void> => {
    while (!isStopped) {
      const holding = locks.request(name, { timeoutMs: requestTimeoutMs }, async () => {
        if (!isStopped) await lead()
      })
      await holding.catch(() => {})
      // Also after it led: whoever else asks for the lock is to have it.
      await wake.waitFor(clock, pauseMs)
    }
  }
  void seek()
  return () => {
    isStopped = true
    wake.wake()
  }
}
