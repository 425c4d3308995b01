import { mustBe } from './errors.ts'
import { definitionsOf, type EventMap, type Events } from './event.ts'
import { isCount, isText } from './guard.ts'
import type { Query } from './queries.ts'
import type { Recorded } from './recorded.ts'

/** How a state takes each type of event. Pure: the same state and event give the same state. */
export type Fold<M extends EventMap, S> = {
  readonly [K in keyof M & string]?: (state: S, event: Recorded<M, K>) => S
}
/** Which events a projection, or a decision, is about. */
export type Scope<M extends EventMap> =
  | { readonly stream: string; readonly query?: Query<M> }
  | { readonly query: Query<M>; readonly stream?: string }

/** What {@link defineProjection} takes. `P` are the parameters of its scope. */
export interface ProjectionDef<M extends EventMap, S, P = void> {
  readonly name: string
  /** Raise it when the fold changes: a snapshot of another version is never used. */
  readonly version: number
  readonly initial: S
  readonly scope?: (params: P) => Scope<M>
  readonly on: NoInfer<Fold<M, S>>
}
/** A fold by name: what a view keeps up to date. */
export interface Projection<M extends EventMap, S, P = void> extends ProjectionDef<M, S, P> {
  readonly events: Events<M>
}

/** Defines a fold over events. Throws for handlers of unknown events and a version below 1. */
export function defineProjection<M extends EventMap, S, P = void>(
  events: Events<M>,
  def: ProjectionDef<M, S, P>,
): Projection<M, S, P> {
  mustBe(isCount(def.version, 1), 'version', def.version)
  mustBeFold(events, def.name, def.on)
  return { ...def, events }
}

/** Refuses a fold without a name, and handlers of unknown events. */
export function mustBeFold<M extends EventMap>(events: Events<M>, name: string, on: object): void {
  mustBe(isText(name, 128), 'a name', name)
  const known = definitionsOf(events)
  for (const type of Object.keys(on)) mustBe(type in known && !known[type]?.last, 'a handler', type)
}

/** Stands between folds and their handlers: calls `handle`, which takes an event of the type over the state, and answers what comes of it. */
export type FoldCheck = <S>(handle: () => S, state: S, type: string) => S
let check: FoldCheck | undefined
/** From now on all folds of this realm are checked so. */
export const checkFolds = (next: FoldCheck | undefined): void => {
  check = next
}

/** Folds events over a state. Events without a handler, and unknown ones, leave it as it is. */
export function foldEvents<S>(
  on: Readonly<Record<string, ((state: S, event: never) => S) | undefined>>,
  state: S,
  events: Iterable<{ readonly type: string }>,
): S {
  let current = state
  for (const event of events) {
    const handler = Object.hasOwn(on, event.type) ? on[event.type] : undefined
    if (handler === undefined) continue
    const handle = (): S => handler(current, event as never)
    current = check === undefined ? handler(current, event as never) : check(handle, current, event.type)
  }
  return current
}
