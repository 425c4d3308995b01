import type { Clock } from './ports.ts'

let last: number
let text: string

/** Now, as commits and letters keep it: ISO 8601. */
export function timeNow(clock: Clock): string {
  const now = clock.now()
  // To write it down costs as much as all else of an append, and many are made in a millisecond.
  if (now !== last) text = new Date(now).toISOString()
  last = now
  return text
}
