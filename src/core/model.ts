import { mustBe } from './errors.ts'
import { definitionsOf, type EventMap, type Events } from './event.ts'
import { isText } from './guard.ts'
import { defineProjection, type Projection, type ProjectionDef } from './projection.ts'

/** Everything page, worker, server and tests share about one log. */
export interface Model<M extends EventMap> {
  readonly name: string
  readonly events: Events<M>
}

/** Defines a log: its name and its events. Import the same model in the page, the worker, the server and the tests. */
export function defineLog<M extends EventMap>(def: { readonly name: string; readonly events: Events<M> }): Model<M> {
  const { name, events } = def
  mustBe(isText(name, 128), 'a name', name)
  definitionsOf(events)
  return { name, events }
}

/** What {@link defineFor} gives. */
export interface Define<M extends EventMap> {
  /** As {@link defineProjection}; give the state type: `define.projection<Cart | undefined, { cartId: string }>(…)`. */
  projection<S, P = void>(def: ProjectionDef<M, S, P>): Projection<M, S, P>
}

/** Binds the events once, so that only the state's type has to be given. */
export const defineFor = <M extends EventMap>(events: Events<M>): Define<M> => ({
  projection: <S, P = void>(def: ProjectionDef<M, S, P>) => defineProjection(events, def),
})
