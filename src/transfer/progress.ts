import { type Cell, createCell, type Observable } from '../core/observable.ts'
import type { Clock } from '../core/ports.ts'

/** How far a long job is. */
export interface Progress {
  /** Events that are done. */
  readonly done: number
  /** Events in all, as far as that is known. */
  readonly total: number | undefined
  /** Events per second, lately. */
  readonly perSecond: number
  /** Absent while it can't be told. */
  readonly remainingMs: number | undefined
}

/** What happened this long ago still counts for the rate. */
const windowMs = 5_000

/** Measures a job: told how much is done, it says how fast that goes. */
export interface Meter extends Observable<Progress> {
  readonly reach: (done: number, total: number | undefined) => void
}

export function createMeter(clock: Clock): Meter {
  const shown: Cell<Progress> = createCell<Progress>({
    done: 0,
    total: undefined,
    perSecond: 0,
    remainingMs: undefined,
  })
  let marks = [{ at: clock.now(), done: 0 }]
  return {
    get: shown.get,
    subscribe: shown.subscribe,
    reach: (done, total) => {
      const at = clock.now()
      // The newest mark that is old enough stays: a pause must not leave a single one.
      const from = Math.max(
        0,
        marks.findLastIndex((mark) => mark.at <= at - windowMs),
      )
      marks = [...marks.slice(from), { at, done }]
      const [oldest = { at, done }] = marks
      const perSecond = at > oldest.at ? ((done - oldest.done) * 1_000) / (at - oldest.at) : 0
      const left = total === undefined ? undefined : Math.max(0, total - done)
      const remainingMs = left === 0 ? 0 : left !== undefined && perSecond > 0 ? (left * 1_000) / perSecond : undefined
      shown.set({ done, total, perSecond, remainingMs })
    },
  }
}
