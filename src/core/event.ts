import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Metadata } from './commit.ts'
import { mustBe } from './errors.ts'
import { isCount, isRecord, isText } from './guard.ts'
import { eventTypeMax } from './limits.ts'
import type { Issue } from './outcome.ts'

type Schema<I = unknown, O = unknown> = StandardSchemaV1<I, O>
type Primitive = string | number | boolean | null | undefined
declare const notJson: unique symbol
/** What a type error shows when event data can't be kept as JSON text. */
export type NotJson<Why extends string> = { readonly [notJson]: Why }
type Unjson =
  | bigint
  | symbol
  | ((...args: never) => unknown)
  | Date
  | Map<unknown, unknown>
  | Set<unknown>
  | Blob
  | ArrayBuffer
  | ArrayBufferView
/** `T` when it survives JSON text, an error type otherwise. Works for interfaces, unlike an index signature. */
export type JsonOf<T> = [unknown] extends [T]
  ? T
  : T extends Primitive
    ? T
    : T extends Unjson
      ? NotJson<'event data is stored as JSON text'>
      : { [K in keyof T]: JsonOf<T[K]> }
type MustBeJson<O> = [O] extends [JsonOf<O>] ? unknown : NotJson<'event data is stored as JSON text'>

type TagKeys<T> = {
  [K in keyof T & string]: Exclude<T[K], undefined | null> extends string | number
    ? K
    : Exclude<T[K], undefined | null> extends readonly (string | number)[]
      ? K
      : never
}[keyof T & string]

/** What an upcaster may know of the stored event beside its data; all of its parts share it. */
export interface StoredAs {
  readonly id: string
  readonly stream: string
  readonly time: string
  readonly metadata: Metadata
  readonly tags: readonly string[]
}
interface MadeFact<K extends string = string> {
  readonly type: K
  readonly data: unknown
}
/** An upcaster by which one stored event becomes several, or none. `D` is the data that it takes. */
export interface Several<K extends string = string, B extends MadeFact<K> = MadeFact<K>, D = never> {
  /** The types that come of it: whoever asks for one of them has to find the stored event. */
  readonly becomes: readonly K[]
  /**
   * Pure. Facts of other types are as their schemas take them today; those of its own type are of the version behind the step.
   */
  readonly of: (data: D, event: StoredAs) => readonly B[]
}
/** Step n turns data of version n into data of version n + 1, or the event into several. */
export type Steps<K extends string = string> = {
  readonly [from: number]: ((data: never) => unknown) | Several<K, MadeFact<NoInfer<K>>>
}
type FactOf<K extends string> = K extends string ? { readonly type: K; readonly data: never } : never

declare const data$: unique symbol
declare const tags$: unique symbol
declare const made$: unique symbol
declare const retired$: unique symbol

/** A kind of event: its schema, where its events go, and which of its fields are tags. */
export interface EventDef<I = never, O = unknown, T extends string = string> {
  readonly [data$]?: { readonly in: (input: I) => void; readonly out: O }
  readonly [tags$]?: T
  readonly version: number
  readonly schema: Schema
  readonly tags: readonly string[]
  readonly stream: ((data: never) => string) | undefined
  readonly upcast: Steps
  /** What becomes of all its events; nobody appends it any more. */
  readonly last?: Several | undefined
  /** The types under which it may be stored, its own first; absent when each stored event of its type is one, and no other is. */
  readonly origins?: readonly string[]
}
/** A kind of event of which some may become others: `B` are those. */
export interface MakingDef<I = never, O = unknown, T extends string = string, B = unknown> extends EventDef<I, O, T> {
  readonly [made$]?: B
}
/** A type that is only read any more, as what it becomes. Made by {@link retired}. */
export interface RetiredDef<I = never, O = unknown, B = unknown> extends MakingDef<I, O, never, B> {
  readonly [retired$]?: true
  readonly last: Several
}

/** Options of {@link event}. */
export interface EventOptions<O = never, K extends string = string> {
  /** Version of the schema, from 1. */
  readonly version?: number
  /** Step n turns data of version n into data of version n + 1, or the event into several: `{ becomes, of }`. */
  readonly upcast?: Steps<K>
  /** The stream that an event goes to when the append names none. */
  readonly stream?: (data: O) => string
}

/** A plain type as a Standard Schema that accepts anything: types only, nothing is checked at run time. */
export const type = <T>(): Schema<T, T> => ({
  '~standard': { version: 1, vendor: 'tidelog', validate: (value) => ({ value: value as T }) },
})

/** Defines a kind of event by a Standard Schema (zod, valibot, arktype …) or {@link type}. The schema must be synchronous. */
export function event<I, O, const T extends TagKeys<O>, const K extends string = never>(
  schema: Schema<I, O> & MustBeJson<O>,
  options: EventOptions<NoInfer<O>, K> & { readonly tags: readonly T[] },
): MakingDef<I, O, T, FactOf<K>>
export function event<I, O, const K extends string = never>(
  schema: Schema<I, O> & MustBeJson<O>,
  options?: EventOptions<NoInfer<O>, K>,
): MakingDef<I, O, never, FactOf<K>>
export function event(
  schema: Schema,
  options: EventOptions & { readonly tags?: readonly string[] } = {},
): EventDef<never, unknown, string> {
  const { tags = [], stream } = options
  for (const tag of tags) mustBe(/^[^:]+$/.test(tag), 'a tag', tag)
  return { schema, tags, stream, ...versionOf(schema, options) }
}

/**
 * Defines a type that nobody appends any more: its stored events are given as what `of` makes of their data, which is as the
 * schema says at `version`. Queries and conditions for the types in `becomes` find them.
 */
export function retired<I, O, const K extends string, const B extends MadeFact<K> = never>(
  schema: Schema<I, O> & MustBeJson<O>,
  { becomes, of, ...options }: Pick<EventOptions, 'version' | 'upcast'> & Several<K, B, NoInfer<O>>,
): RetiredDef<I, O, B> {
  const last = { becomes, of }
  mustBe(isSeveral(last), 'becomes', becomes)
  return { schema, tags: [], stream: undefined, ...versionOf(schema, options), last }
}

const isSeveral = (step: unknown): step is Several =>
  isRecord(step) && Array.isArray(step.becomes) && typeof step.of === 'function'

/** The version of a schema. Throws for what is no schema, no version, or lacks a step from an older one. */
export function versionOf<U extends Steps>(
  schema: Schema,
  { version = 1, upcast = {} as U }: { readonly version?: number; readonly upcast?: U },
): { readonly version: number; readonly upcast: U } {
  mustBe(typeof schema?.['~standard']?.validate === 'function', 'a schema', schema)
  mustBe(isCount(version, 1), 'version', version)
  for (let from = 1; from < version; from++) {
    const step = upcast[from]
    mustBe(typeof step === 'function' || isSeveral(step), `upcast[${from}]`, step)
  }
  return { version, upcast }
}

// biome-ignore lint/suspicious/noExplicitAny: the input type is contravariant, so only `any` holds every definition
export type EventMap = { readonly [type: string]: EventDef<any, unknown, string> }
type In<D> = D extends { readonly [data$]?: { readonly in: (input: infer I) => void } } ? I : never
type Out<D> = D extends { readonly [data$]?: { readonly out: infer O } } ? O : never
/** Every tag key that some event of the map has. */
export type TagsOf<M extends EventMap> = {
  [K in keyof M]: M[K] extends { readonly [tags$]?: infer T } ? Exclude<T, undefined> : never
}[keyof M] &
  string

/** A fact not yet recorded. Distributes, so that a union of types is a union of facts. */
export type Fact<M extends EventMap, K extends keyof M = keyof M> = K extends keyof M & string
  ? { readonly type: K; readonly data: Out<M[K]> }
  : never
/** The data of one event type, as a reader gets it. */
export type DataOf<M extends EventMap, K extends keyof M> = Out<M[K]>

/** The definitions without the retired ones: what can be appended, and what readers get. */
export type Current<M extends EventMap> = [RetiredOf<M>] extends [never]
  ? M
  : { readonly [K in keyof M as K extends RetiredOf<M> ? never : K]: M[K] }
type RetiredOf<M> = { [K in keyof M]: M[K] extends RetiredDef ? K : never }[keyof M]

/** What a type error shows when an event would become what the log does not have. */
export type NotFact<Why extends string> = { readonly [made$]: Why }
type Frozen<T> = T extends Primitive ? T : { readonly [K in keyof T]: Frozen<T[K]> }
type Makeable<M> = { [K in keyof M & string]: { readonly type: K; readonly data: Frozen<In<M[K]>> } }[keyof M & string]
type MadeOf<D> = D extends { readonly [made$]?: infer B } ? Exclude<B, undefined> : never
/** That what events become are facts of the map. What steps make of data is known at run time only, their types are. */
type MakesFacts<M> = {
  [K in keyof M]: [Exclude<MadeOf<M[K]>, { readonly type: K }>] extends [Makeable<M>]
    ? unknown
    : NotFact<'an event becomes facts of this log, with the data that their schemas take'>
}

declare const map$: unique symbol
/** The creators of {@link defineEvents}, one for each type. */
export type Events<M extends EventMap> = {
  readonly [K in keyof M & string]: (data: In<M[K]>) => { readonly type: K; readonly data: Out<M[K]> }
} & { readonly [map$]?: M }

const definitions = new WeakMap<object, EventMap>()

/** Names the events of a log and gives a creator for each: `events.ItemAdded({ … })` is a fact to append. */
export function defineEvents<const M extends EventMap>(map: M & MakesFacts<M>): Events<Current<M>> {
  const creators: Record<string, (data: unknown) => { type: string; data: unknown }> = {}
  for (const [type, { schema, last }] of Object.entries(map as EventMap)) {
    mustBe(isText(type, eventTypeMax) && type[0] !== '$', 'an event type', type)
    if (last !== undefined) continue
    creators[type] = (data) => {
      // Defaults of the schema show up at once; what the schema refuses is reported by the append, as an outcome.
      const checked = runSchema(schema, data)
      return { type, data: checked.ok ? checked.value : data }
    }
  }
  definitions.set(creators, withOrigins(map))
  return creators as Events<Current<M>>
}

/** The definitions with the types under which each may be stored. Throws for what becomes itself, or what is not there. */
function withOrigins(map: EventMap): EventMap {
  // Without a prototype, so that an event can be called `constructor`.
  const found = { __proto__: null, ...map } as unknown as Record<string, EventMap[string]>
  const follow = (origin: string, { becomes }: Several, own: string, path: readonly string[]): void => {
    for (const type of [...becomes, ...(own && [own])]) {
      const def = found[type]
      mustBe(def !== undefined && !path.includes(type), `${origin} becomes`, type)
      if (type !== own && def.last) follow(origin, def.last, '', [...path, type])
      else found[type] = { ...def, origins: [...new Set([...(def.origins ?? [type]), origin])] }
    }
  }
  for (const [type, { upcast, last }] of Object.entries(map)) {
    for (const step of Object.values(upcast)) if (typeof step === 'object') follow(type, step, type, [])
    if (last) follow(type, last, '', [type])
  }
  return found
}

/** The definitions behind the creators of {@link defineEvents}. */
export function definitionsOf<M extends EventMap>(events: Events<M>): EventMap {
  const map = definitions.get(events)
  mustBe(map !== undefined, 'events', events)
  return map
}

type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Runs a Standard Schema synchronously; a schema that answers a promise is refused as misuse. */
export function runSchema(schema: Schema, value: unknown): Checked {
  const result = schema['~standard'].validate(value)
  mustBe(!('then' in result), 'a schema', 'asynchronous')
  if (result.issues === undefined) return { ok: true, value: result.value }
  const issues = result.issues.map(({ path = [], message }) => ({
    path: path.map((part) => `.${String(typeof part === 'object' ? part.key : part)}`).join(''),
    message,
  }))
  return { ok: false, issues }
}
