import { decodeAll } from '../core/decode.ts'
import { definitionsOf } from '../core/event.ts'
import { freeze } from '../core/freeze.ts'
import { foldEvents, type Projection } from '../core/projection.ts'
import { scopeToSelectors } from '../core/queries.ts'
import { matches } from '../core/query.ts'
import { widen } from '../core/widen.ts'
import { type History, placedIn } from './history.ts'
import { mustMatch } from './mismatch.ts'
import { orFail, pureHandlers } from './pure.ts'

/** A projection and what happened. */
export interface GivenProjection<S> {
  /** It folds what happened to this state. */
  then(state: S): void
}

// biome-ignore lint/suspicious/noExplicitAny: events are contravariant, so only `any` holds every projection
export type AnyProjection = Projection<any, unknown, any>

export class ProjectionTest implements GivenProjection<unknown> {
  readonly #name: string
  readonly #state: unknown

  constructor({ name, initial, on, scope, events }: AnyProjection, history: History, params: unknown) {
    const definitions = definitionsOf(events)
    const asked = orFail(`the scope of ${name}`, () => scope?.(params)) ?? {}
    const { scope: wide, isAsked } = widen(definitions, asked)
    const selectors = scopeToSelectors(wide)
    const seen = placedIn(history).filter((event) => matches(selectors, event))
    this.#name = name
    this.#state = foldEvents(pureHandlers(name, on), freeze(initial), decodeAll(definitions, seen).filter(isAsked))
  }

  // biome-ignore lint/suspicious/noThenProperty: the word of given/when/then
  then(state: unknown): void {
    mustMatch(`${this.#name} has another state`, state, this.#state, this.then)
  }
}
