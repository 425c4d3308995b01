import type { Clock } from './ports.ts'

/** A task that takes longer is felt by who types or scrolls. */
const taskMsMax = 25

export type Breathe = () => Promise<void> | undefined

/** Lets other tasks go first when the one that calls has lasted for long. */
export function createBreather(clock: Clock, ms: number = taskMsMax): Breathe {
  let since = clock.now()
  return () => {
    if (clock.now() - since < ms) return undefined
    return new Promise((resolve) => {
      clock.after(0, () => {
        since = clock.now()
        resolve()
      })
    })
  }
}
