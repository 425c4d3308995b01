import type { Clock } from '../src/core/ports.ts'

export type Wake = 'moved' | 'ended' | 'heartbeat'

/** What a live stream or a long poll sleeps on. */
export interface Wakes {
  readonly moved: () => void
  readonly end: () => void
  readonly ended: () => boolean
  /** Resolves at once for what happened since the last call, so that no wake is lost while a page is written. */
  readonly next: (heartbeatMs?: number) => Promise<Wake>
}

export function createWakes(clock: Clock): Wakes {
  let hasMoved = false
  let hasEnded = false
  let wake: ((why: Wake) => void) | undefined
  const next = (heartbeatMs?: number): Promise<Wake> => {
    const pending = hasEnded ? 'ended' : hasMoved ? 'moved' : undefined
    hasMoved = false
    if (pending !== undefined) return Promise.resolve(pending)
    return new Promise((resolve) => {
      const callOff = heartbeatMs === undefined ? undefined : clock.after(heartbeatMs, () => wake?.('heartbeat'))
      wake = (why) => {
        wake = undefined
        hasMoved = false
        callOff?.()
        resolve(why)
      }
    })
  }
  return {
    moved: () => {
      hasMoved = true
      wake?.('moved')
    },
    end: () => {
      hasEnded = true
      wake?.('ended')
    },
    ended: () => hasEnded,
    next,
  }
}
