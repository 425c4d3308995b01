import type { Clock } from './ports.ts'

/** Now, as commits and letters keep it: ISO 8601. */
export const timeNow = (clock: Clock): string => new Date(clock.now()).toISOString()
