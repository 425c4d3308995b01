import { TidelogError } from '../core/errors.ts'
import { freeze } from '../core/freeze.ts'
import { checkFolds } from '../core/projection.ts'
import { same } from '../core/same.ts'

/**
 * Import it while an app is developed, in the page and in a worker of its own, and leave it out of what is shipped. From then on
 * states are frozen, and each event is folded twice: a handler that gives two states for one event throws `tidelog/impure`.
 */
checkFolds((handle, state, type) => {
  freeze(state)
  const after = handle()
  if (!same(after, handle()))
    throw new TidelogError('tidelog/impure', `the handler of ${type} gave two states for one event: is it pure?`)
  return freeze(after)
})
