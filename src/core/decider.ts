import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type AnyModels, checkModels, type Models } from './compose.ts'
import { mustBe } from './errors.ts'
import { type EventMap, type Events, type Fact, versionOf } from './event.ts'
import { type Fold, mustBeFold, type Projection } from './projection.ts'
import type { Query } from './queries.ts'

type Schema<I = unknown, O = unknown> = StandardSchemaV1<I, O>

declare const refusal$: unique symbol
/** A business "no", with what the caller may want to know. Made by {@link refuse}. */
export interface Refusal<T extends string = string, D = unknown> {
  readonly [refusal$]?: true
  readonly type: T
  readonly data: D
}

/** Says no: `return refuse('CartFull', { max: 3 })`. The data is kept, so it has to be JSON. */
export function refuse<const T extends string>(type: T): Refusal<T, undefined>
export function refuse<const T extends string, D>(type: T, data: D): Refusal<T, D>
export function refuse(type: string, data?: unknown): Refusal {
  return { type, data }
}

/** What a decider answers: facts, `[]` when there is nothing to do, or a refusal. */
export type Decision<M extends EventMap> = readonly Fact<M>[] | Refusal
export type RefusalOf<D> = D extends Refusal<infer T, infer X> ? { readonly type: T; readonly data: X } : never
export type DecidedOf<D> = D extends readonly (infer F)[] ? F : never

/**
 * What a decision is made from, and what must not have changed when it is sequenced: a stream, or what a query finds.
 * `stream` is also where the decided events go; with a query alone each goes to the stream that its definition names.
 */
export type DecisionScope<M extends EventMap> = NarrowCondition<M> &
  ({ readonly stream: string; readonly query?: undefined } | { readonly query: Query<M>; readonly stream?: string })
/** The scope of a decision on several models, which say themselves what is read: where the decided events go. */
export interface ModelsScope<M extends EventMap> extends NarrowCondition<M> {
  readonly stream?: string
  readonly query?: undefined
}
interface NarrowCondition<M extends EventMap> {
  /** What must not have changed, where that is less than what is read: a change of the rest does not decide again. */
  readonly condition?: Query<M>
}

/** A rule of the business: from a command and the state of its scope to facts or a refusal. */
export interface Decider<M extends EventMap, Name extends string, C, S, D> {
  readonly name: Name
  readonly version: number
  readonly events: Events<M>
  readonly command: Schema
  readonly upcast: Readonly<Record<number, (data: never) => unknown>>
  readonly scope?: ((command: never) => DecisionScope<M> | ModelsScope<M>) | undefined
  readonly initial: S
  readonly on: Fold<M, S>
  /** What the state is folded by, where there are several. */
  readonly models?: AnyModels | undefined
  readonly decide: (command: never, state: S) => D
  /** Types only. */
  readonly _?: { readonly command: C; readonly state: S; readonly decision: D }
}
// biome-ignore lint/suspicious/noExplicitAny: events and commands are contravariant, so only `any` holds every decider
export type AnyDecider = Decider<any, string, any, any, any>
/** What `execute` takes for a decider. */
export type CommandOf<D> = D extends { readonly _?: { readonly command: infer C } } ? C : never
export type RefusalsOf<D> = D extends { readonly _?: { readonly decision: infer X } } ? RefusalOf<X> : never
export type FactsOf<D> = D extends { readonly _?: { readonly decision: infer X } } ? DecidedOf<X> : never

interface DeciderBase<Name extends string, CI, C, S, D> {
  readonly name: Name
  /** The command is kept with its pending commit, so it is data with a schema, like an event. */
  readonly command: Schema<CI, C>
  /** Version of the command's schema, from 1. */
  readonly version?: number
  /** Step n turns a command of version n into one of version n + 1. */
  readonly upcast?: { readonly [from: number]: (data: never) => unknown }
  /** Pure, since it is asked again whenever others were faster: ids and times come with the command. */
  readonly decide: (command: NoInfer<C>, state: NoInfer<S>) => D
}
/** What {@link defineDecider} takes: the state comes from `initial` and `evolve`, from a projection, or from several models. */
export type DeciderDef<M extends EventMap, Name extends string, CI, C, S, D, Ps = unknown> = DeciderBase<
  Name,
  CI,
  C,
  S,
  D
> &
  (ByFold<M, C, S> | ByProjection<M, C, S> | ByModels<M, C, S, Ps>)

interface ByFold<M extends EventMap, C, S> {
  readonly scope: (command: NoInfer<C>) => DecisionScope<M>
  readonly initial: S
  readonly evolve: NoInfer<Fold<M, S>>
  readonly state?: undefined
  readonly models?: undefined
}
interface ByProjection<M extends EventMap, C, S> {
  readonly scope: (command: NoInfer<C>) => DecisionScope<M>
  // biome-ignore lint/suspicious/noExplicitAny: a projection's own scope plays no part here, whatever its parameters
  readonly state: Projection<M, S, any>
  readonly initial?: undefined
  readonly evolve?: undefined
  readonly models?: undefined
}
interface ByModels<M extends EventMap, C, S, Ps> {
  /** `{ course: [courseSeats, ({ courseId }) => ({ courseId })] }`. The state is an object of their states. */
  readonly models: Models<M, C, S, Ps>
  readonly scope?: (command: NoInfer<C>) => ModelsScope<M>
  readonly initial?: undefined
  readonly evolve?: undefined
  readonly state?: undefined
}

/** Defines a rule that is decided on this device, and again whenever what it looked at has changed before it is confirmed. */
export function defineDecider<M extends EventMap, const Name extends string, CI, C, S, D extends Decision<M>, Ps>(
  events: Events<M>,
  def: DeciderDef<M, Name, CI, C, S, D, Ps>,
): Decider<M, Name, CI, S, D> {
  const { state, evolve } = def
  const hasModels = checkModels(events, def.models)
  mustBe(hasModels !== !!(state ?? evolve), 'a state', hasModels ? 'given twice' : 'missing')
  const { initial, on } = state ?? { initial: def.initial as S, on: evolve ?? {} }
  mustBeFold(events, def.name, on)
  return { ...def, ...versionOf(def.command, def), events, initial, on }
}
