import { type AnyDecider, type Decider, type DeciderDef, type Decision, defineDecider } from './decider.ts'
import { mustBe } from './errors.ts'
import { definitionsOf, type EventMap, type Events } from './event.ts'
import { isText } from './guard.ts'
import { defineProjection, type Projection, type ProjectionDef } from './projection.ts'

/** Everything page, worker, server and tests share about one log. */
export interface Model<M extends EventMap, Ds extends readonly AnyDecider[] = readonly AnyDecider[]> {
  readonly name: string
  readonly events: Events<M>
  readonly deciders: Ds
}

/** Defines a log: its name, events and rules. Import the same model in the page, the worker, the server and the tests. */
export function defineLog<M extends EventMap, const Ds extends readonly AnyDecider[] = readonly []>(def: {
  readonly name: string
  readonly events: Events<M>
  readonly deciders?: Ds
}): Model<M, Ds> {
  const { name, events, deciders = [] as readonly AnyDecider[] as Ds } = def
  mustBe(isText(name, 128), 'a name', name)
  definitionsOf(events)
  const names = deciders.map((decider) => decider.name)
  mustBe(new Set(names).size === names.length, 'deciders', names)
  return { name, events, deciders }
}

/** What {@link defineFor} gives. */
export interface Define<M extends EventMap> {
  /** As {@link defineProjection}; give the state type: `define.projection<Cart | undefined, { cartId: string }>(…)`. */
  projection<S, P = void>(def: ProjectionDef<M, S, P>): Projection<M, S, P>
  /** As {@link defineDecider}. */
  decider<const Name extends string, CI, C, S, D extends Decision<M>>(
    def: DeciderDef<M, Name, CI, C, S, D>,
  ): Decider<M, Name, CI, S, D>
}

/** Binds the events once, so that only the state's type has to be given. */
export const defineFor = <M extends EventMap>(events: Events<M>): Define<M> => ({
  projection: (def) => defineProjection(events, def),
  decider: (def) => defineDecider(events, def),
})
