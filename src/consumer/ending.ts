import { isTidelogError } from '../core/errors.ts'
import type { Ending } from './types.ts'

/** How something ends that an error has ended: a log that was closed is no failure. */
export const endingOf = (error: unknown): Ending =>
  isTidelogError(error, 'tidelog/log-closed') ? { reason: 'closed' } : { reason: 'failed', error }
