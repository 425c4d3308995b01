import type { AnyAutomation } from './automation.ts'
import { type AnyDecider, type Decider, type DeciderDef, type Decision, defineDecider } from './decider.ts'
import { mustBe } from './errors.ts'
import { definitionsOf, type EventMap, type Events } from './event.ts'
import { isText, isWellFormed } from './guard.ts'
import { defineProjection, type Projection, type ProjectionDef } from './projection.ts'
import type { AnyReadModel, ReadModel, ReadModelDef } from './read-model.ts'
import type { Retentions } from './retention.ts'

/** Everything page, worker, server and tests share about one log. */
export interface Model<M extends EventMap, Ds extends readonly AnyDecider[] = readonly AnyDecider[]> {
  readonly name: string
  readonly events: Events<M>
  readonly deciders: Ds
  /** What it does by itself. */
  readonly automations: readonly AnyAutomation[]
  /** Those whose rows a worker of its own writes. */
  readonly readModels: readonly AnyReadModel[]
  /** How long events are kept that need not be kept for good. */
  readonly retentions: Retentions
}

/** Defines a log: its name, events and rules. Import the same model in the page, the worker, the server and the tests. */
export function defineLog<M extends EventMap, const Ds extends readonly AnyDecider[] = readonly []>(def: {
  readonly name: string
  readonly events: Events<M>
  readonly deciders?: Ds
  /** Reactors and tasks, from `tidelog/automation`; they run in a worker of your own. */
  readonly automations?: readonly AnyAutomation[]
  /** Read models, for `openReadModel` of `tidelog/read-model`; a worker of your own writes their rows. */
  readonly readModels?: readonly AnyReadModel[]
  /**
   * How long the events of some streams are kept, by patterns such as `views-*`: `{ days: 90 }`, `{ events: 10_000 }` or both. No
   * condition may name such a stream.
   */
  readonly retentions?: Retentions
}): Model<M, Ds> {
  const { name, events, deciders = [] as readonly AnyDecider[] as Ds, retentions = {} } = def
  const { automations = [], readModels = [] } = def
  mustBe(isText(name, 128) && isWellFormed(name), 'a name', name)
  definitionsOf(events)
  for (const named of [deciders, automations, readModels]) {
    const names = named.map((one) => one.name)
    mustBe(new Set(names).size === names.length, 'names', names)
  }
  return { name, events, deciders, automations, readModels, retentions }
}

/** What {@link defineFor} gives. */
export interface Define<M extends EventMap> {
  /** As {@link defineProjection}; give the state type: `define.projection<Cart | undefined, { cartId: string }>(…)`. */
  projection<S, P = void>(def: ProjectionDef<M, S, P>): Projection<M, S, P>
  /** As {@link defineDecider}. */
  decider<const Name extends string, CI, C, S, D extends Decision<M>, Ps>(
    def: DeciderDef<M, Name, CI, C, S, D, Ps>,
  ): Decider<M, Name, CI, S, D>
  /** Rows for `openReadModel`: `define.readModel<Inventory>(…)`. It is checked when it is opened or served. */
  readModel<Row>(def: ReadModelDef<M, Row>): ReadModel<M, Row>
}

/** Binds the events once, so that only the state's type has to be given. */
export const defineFor = <M extends EventMap>(events: Events<M>): Define<M> => ({
  projection: (def) => defineProjection(events, def),
  decider: (def) => defineDecider(events, def),
  readModel: (def) => ({ ...def, events }),
})
