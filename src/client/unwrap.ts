import { TidelogError } from '../core/errors.ts'
import type { Not, Ok } from '../core/outcome.ts'

/** The outcome when it is `ok`; throws `tidelog/outcome` otherwise, so that a forgotten check can't lose an event. */
export function unwrap<R, F>(outcome: Ok<R, F> | Not<{ readonly type: string }>): Ok<R, F> {
  if (outcome.ok) return outcome
  throw new TidelogError('tidelog/outcome', JSON.stringify(outcome.reason), { cause: outcome.reason })
}
