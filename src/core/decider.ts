import type { StandardSchemaV1 } from '@standard-schema/spec'
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
export type DecisionScope<M extends EventMap> =
  | { readonly stream: string; readonly query?: undefined }
  | { readonly query: Query<M>; readonly stream?: string }

/** A rule of the business: from a command and the state of its scope to facts or a refusal. */
export interface Decider<M extends EventMap, Name extends string, C, S, D> {
  readonly name: Name
  readonly version: number
  readonly events: Events<M>
  readonly command: Schema
  readonly upcast: Readonly<Record<number, (data: never) => unknown>>
  readonly scope: (command: never) => DecisionScope<M>
  readonly initial: S
  readonly on: Fold<M, S>
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

interface DeciderBase<M extends EventMap, Name extends string, CI, C, S, D> {
  readonly name: Name
  /** The command is kept with its pending commit, so it is data with a schema, like an event. */
  readonly command: Schema<CI, C>
  /** Version of the command's schema, from 1. */
  readonly version?: number
  /** Step n turns a command of version n into one of version n + 1. */
  readonly upcast?: { readonly [from: number]: (data: never) => unknown }
  readonly scope: (command: NoInfer<C>) => DecisionScope<M>
  /** Pure, since it is asked again whenever others were faster: ids and times come with the command. */
  readonly decide: (command: NoInfer<C>, state: NoInfer<S>) => D
}
/** What {@link defineDecider} takes: the state comes from `initial` and `evolve`, or from a projection. */
export type DeciderDef<M extends EventMap, Name extends string, CI, C, S, D> = DeciderBase<M, Name, CI, C, S, D> &
  (
    | { readonly initial: S; readonly evolve: NoInfer<Fold<M, S>>; readonly state?: undefined }
    // biome-ignore lint/suspicious/noExplicitAny: a projection's own scope plays no part here, whatever its parameters
    | { readonly state: Projection<M, S, any>; readonly initial?: undefined; readonly evolve?: undefined }
  )

/** Defines a rule that is decided on this device, and again whenever what it looked at has changed before it is confirmed. */
export function defineDecider<M extends EventMap, const Name extends string, CI, C, S, D extends Decision<M>>(
  events: Events<M>,
  def: DeciderDef<M, Name, CI, C, S, D>,
): Decider<M, Name, CI, S, D> {
  const { initial, on } = def.state ?? { initial: def.initial, on: def.evolve }
  mustBeFold(events, def.name, on)
  return { ...def, ...versionOf(def.command, def), events, initial, on }
}
