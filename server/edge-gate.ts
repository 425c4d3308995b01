import { refuse } from './problems.ts'

/** Lets in a few at once; the others wait in the order in which they came, and more than `waitingMax` of them are refused. */
export function createGate(atOnce: number, waitingMax: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let inside = 0
  return async (work) => {
    if (inside < atOnce) inside += 1
    else if (waiting.length < waitingMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else refuse(503, 'busy', 'Too many others write to this log right now', { headers: { 'retry-after': '1' } })
    try {
      return await work()
    } finally {
      // Whoever waits takes the place over, so that nobody who comes now gets it first.
      const next = waiting.shift()
      if (next === undefined) inside -= 1
      else next()
    }
  }
}
