import type { Clock } from './ports.ts'

/** Lets other tasks go first when the one that calls has lasted for so many milliseconds. */
export function createBreather(clock: Clock, ms: number): () => Promise<void> | undefined {
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
