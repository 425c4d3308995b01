import { mustBe, mustKnow, TidelogError } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import { pageEventsMax } from '../core/limits.ts'
import { scopeToSelectors } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import type { AnyReadOptions } from '../protocol/worker.ts'
import { mustBeMarker } from './append-call.ts'

const bounds = ['limit', 'fromPosition', 'toPosition', 'fromVersion', 'toVersion'] as const

/** A read that makes sense. */
export interface ReadSpec extends AnyReadOptions {
  readonly selectors: readonly Selector[]
  /** Events of one page. */
  readonly limit: number
  readonly isBackwards: boolean
}

/** Reads the options of a read. Throws `tidelog/argument` for what makes no sense. */
export function readOptions(options: AnyReadOptions): ReadSpec {
  mustKnow(options, `stream query direction after unknown ${bounds.join(' ')}`)
  const { direction = 'forwards', after, stream, unknown = 'skip', limit = pageEventsMax } = options
  mustBe(direction === 'forwards' || direction === 'backwards', 'direction', direction)
  mustBe(unknown === 'skip' || unknown === 'yield', 'unknown', unknown)
  for (const name of bounds) {
    const value = options[name]
    mustBe(value === undefined || isCount(value), name, value)
    mustBe(value === undefined || !name.endsWith('Version') || stream !== undefined, name, 'without a stream')
  }
  if (after !== undefined) mustBeMarker(after)
  return {
    ...options,
    selectors: scopeToSelectors(options),
    limit: Math.max(1, Math.min(limit, pageEventsMax)),
    isBackwards: direction === 'backwards',
  }
}

/** Selectors of a view's scope, for the types that its fold has handlers for, or all. */
export const viewSelectors = (
  scope: Pick<AnyReadOptions, 'stream' | 'query'>,
  handled: readonly string[] | undefined,
): readonly Selector[] => {
  mustKnow(scope, 'stream query')
  return scopeToSelectors(scope).map((selector) => ({
    ...selector,
    types:
      handled && selector.types ? selector.types.filter((type) => handled.includes(type)) : (handled ?? selector.types),
  }))
}

export const markerExpired = (): TidelogError =>
  new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old')
