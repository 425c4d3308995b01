import type { CommitCondition } from './commit.ts'
import { mustBe } from './errors.ts'
import type { EventMap, Events } from './event.ts'
import { queryItemsMax } from './limits.ts'
import { foldEvents, mustBeFold, type Projection } from './projection.ts'
import { type AnyQuery, mustBeStreamName, queryToItems, scopeToSelectors } from './queries.ts'
import { matches, type Selectable, type Selector } from './query.ts'
import { widen } from './widen.ts'

type ParamsOf<P> = P extends { readonly scope?: (params: infer X) => unknown } ? X : never

/**
 * Small models that make one decision: each a projection and the parameters of its scope for a command. `S` are their
 * states by name, `Ps` the projections.
 */
export type Models<M extends EventMap, C, S, Ps> = {
  // biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant; the other half checks them
  readonly [K in keyof S]: readonly [projection: Projection<M, S[K], any>, params: unknown]
} & {
  readonly [K in keyof Ps]: readonly [projection: Ps[K], params: (command: NoInfer<C>) => ParamsOf<Ps[K]>]
}
/** The shape of any models at run time. */
export type AnyModels = Readonly<Record<string, AnyPart>>
// biome-ignore lint/suspicious/noExplicitAny: states, parameters and commands are contravariant
type AnyPart = readonly [projection: Projection<any, any, any>, params: (command: any) => unknown]

/** Refuses a model that does not say what it looks at. Answers whether there are any. */
export function checkModels<M extends EventMap>(events: Events<M>, models: AnyModels = {}): boolean {
  const parts = Object.entries(models)
  for (const [name, part] of parts) {
    mustBe(typeof part?.[0]?.scope === 'function' && typeof part[1] === 'function', `models.${name}`, 'without a scope')
    mustBeFold(events, name, part[0].on)
  }
  return parts.length > 0
}

/** A model for one command. */
interface Part {
  readonly name: string
  readonly projection: AnyPart[0]
  /** What its handlers get, by the types of today; `selectors` are by those of what is stored. */
  readonly asked: readonly Selector[]
  readonly selectors: readonly Selector[]
  readonly condition: CommitCondition
}
/** What is read for a decision. */
export interface Reading {
  /** Readings of one key fold the same events to the same state. */
  readonly key: unknown
  readonly selectors: readonly Selector[]
  /** That nothing of it has changed. */
  readonly condition: CommitCondition
  readonly initial: unknown
  fold(state: unknown, events: readonly Selectable[]): unknown
}

/** What several models read for a command: each folds what its own scope finds, none of it may change. */
export function readingOf(definitions: EventMap, models: AnyModels, command: unknown): Reading {
  const parts = Object.entries(models).map(([name, [projection, params]]): Part => {
    const asked: Scoped = projection.scope?.(params(command)) ?? {}
    const { scope } = widen(definitions, asked)
    const condition = conditionOf(scope.stream === undefined ? scope : { stream: scope.stream })
    return { name, projection, asked: scopeToSelectors(asked), selectors: scopeToSelectors(scope), condition }
  })
  mustBe(parts.length > 0, 'models', 'none')
  const streams = distinct(parts.flatMap(({ condition }) => condition.streams ?? []))
  const query = distinct(parts.flatMap(({ condition }) => condition.query ?? []))
  mustBe(query.length <= queryItemsMax, 'the number of query items', query.length)
  const each = (use: (part: Part) => unknown): object => Object.fromEntries(parts.map((part) => [part.name, use(part)]))
  return {
    key: parts.map(({ selectors }) => selectors),
    selectors: parts.flatMap(({ selectors }) => selectors),
    condition: { ...(streams.length > 0 && { streams }), ...(query.length > 0 && { query }) },
    initial: each(({ projection }) => projection.initial),
    fold: (states, events) =>
      each(({ name, projection: { on }, asked }) => {
        const found = events.filter((event) => matches(asked, event))
        return foldEvents(on, (states as Readonly<Record<string, unknown>>)[name], found)
      }),
  }
}

/** What the scope of a decider or a projection gives, at run time. */
export interface Scoped {
  readonly stream?: string | undefined
  readonly query?: AnyQuery | undefined
}

/** That nothing has come to what a query finds, or to a stream where there is no query. */
export function conditionOf({ stream, query }: Scoped): CommitCondition {
  if (stream !== undefined) mustBeStreamName(stream)
  if (query !== undefined) return { query: queryToItems(query) }
  mustBe(stream !== undefined, 'a scope', 'empty')
  return { streams: [stream] }
}

/** Each once, by what it says. */
const distinct = <T>(all: readonly T[]): readonly T[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
]
