import type { Observable } from 'tidelog'
import type { Progress } from 'tidelog/transfer'

/** The progress of a job that the page does itself. */
export interface Pace extends Observable<Progress> {
  readonly reach: (done: number) => void
}

/** `before` of the total were done when it began: they say nothing about how fast it goes. */
export function createPace(total: number, before: number, now: () => number = () => performance.now()): Pace {
  const begin = now()
  const listeners = new Set<() => void>()
  let progress: Progress = { done: before, total, perSecond: 0, remainingMs: undefined }
  return {
    get: () => progress,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    reach: (done) => {
      const ms = now() - begin
      const perSecond = ms > 0 ? ((done - before) * 1_000) / ms : 0
      const remainingMs = perSecond > 0 ? ((total - done) * 1_000) / perSecond : undefined
      progress = { done, total, perSecond, remainingMs }
      for (const listener of listeners) listener()
    },
  }
}
