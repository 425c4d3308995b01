import type { StandardSchemaV1 } from '@standard-schema/spec'
import { mustBe } from './errors.ts'
import { isCount } from './guard.ts'
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

declare const data$: unique symbol
declare const tags$: unique symbol

/** A kind of event: its schema, where its events go, and which of its fields are tags. */
export interface EventDef<I = never, O = unknown, T extends string = string> {
  readonly [data$]?: { readonly in: (input: I) => void; readonly out: O }
  readonly [tags$]?: T
  readonly version: number
  readonly schema: Schema
  readonly tags: readonly string[]
  readonly stream: ((data: never) => string) | undefined
  readonly upcast: Readonly<Record<number, (data: never) => unknown>>
}

/** Options of {@link event}. */
export interface EventOptions<O = never> {
  /** Version of the schema, from 1. */
  readonly version?: number
  /** Step n turns data of version n into data of version n + 1. */
  readonly upcast?: { readonly [from: number]: (data: never) => unknown }
  /** The stream that an event goes to when the append names none. */
  readonly stream?: (data: O) => string
}

/** A plain type as a Standard Schema that accepts anything: types only, nothing is checked at run time. */
export const type = <T>(): Schema<T, T> => ({
  '~standard': { version: 1, vendor: 'tidelog', validate: (value) => ({ value: value as T }) },
})

/** Defines a kind of event by a Standard Schema (zod, valibot, arktype …) or {@link type}. The schema must be synchronous. */
export function event<I, O, const T extends TagKeys<O>>(
  schema: Schema<I, O> & MustBeJson<O>,
  options: EventOptions<NoInfer<O>> & { readonly tags: readonly T[] },
): EventDef<I, O, T>
export function event<I, O>(
  schema: Schema<I, O> & MustBeJson<O>,
  options?: EventOptions<NoInfer<O>>,
): EventDef<I, O, never>
export function event(
  schema: Schema,
  options: EventOptions & { readonly tags?: readonly string[] } = {},
): EventDef<never, unknown, string> {
  const { version = 1, tags = [], upcast = {}, stream } = options
  mustBe(typeof schema?.['~standard']?.validate === 'function', 'event: the first argument must be a Standard Schema')
  mustBe(isCount(version, 1), `event: version must be a whole number from 1, not ${String(version)}`)
  for (let from = 1; from < version; from++)
    mustBe(typeof upcast[from] === 'function', `event: version ${version} needs upcast[${from}]`)
  for (const tag of tags) mustBe(tag.length > 0 && !tag.includes(':'), `event: "${tag}" can't be a tag's key`)
  return Object.freeze({ version, schema, tags, stream, upcast })
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

declare const map$: unique symbol
/** The creators of {@link defineEvents}, one for each type. */
export type Events<M extends EventMap> = {
  readonly [K in keyof M & string]: (data: In<M[K]>) => { readonly type: K; readonly data: Out<M[K]> }
} & { readonly [map$]?: M }

const definitions = new WeakMap<object, EventMap>()

/** Names the events of a log and gives a creator for each: `events.ItemAdded({ … })` is a fact to append. */
export function defineEvents<const M extends EventMap>(map: M): Events<M> {
  const creators: Record<string, (data: unknown) => { type: string; data: unknown }> = {}
  for (const [name, def] of Object.entries(map)) {
    mustBe(name.length <= eventTypeMax && !name.startsWith('$'), `defineEvents: "${name}" can't be an event type`)
    // Defaults of the schema show up at once; what the schema refuses is reported by the append, as an outcome.
    creators[name] = (data) => ({ type: name, data: parsed(def, data) })
  }
  const events = Object.freeze(creators)
  definitions.set(events, map)
  return events as Events<M>
}

const parsed = (def: EventMap[string], data: unknown): unknown => {
  const checked = runSchema(def.schema, data, 'data')
  return checked.ok ? checked.value : data
}

/** The definitions behind the creators of {@link defineEvents}. */
export function definitionsOf<M extends EventMap>(events: Events<M>): EventMap {
  const map = definitions.get(events)
  mustBe(map !== undefined, 'events must come from defineEvents')
  return map
}

type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Runs a Standard Schema synchronously; a schema that answers a promise is refused as misuse. */
export function runSchema(schema: Schema, value: unknown, path: string): Checked {
  const result = schema['~standard'].validate(value)
  mustBe(!('then' in result), 'a schema must be synchronous')
  if (result.issues === undefined) return { ok: true, value: result.value }
  return {
    ok: false,
    issues: result.issues.map((issue) => ({ path: pathOf(path, issue.path), message: issue.message })),
  }
}

const pathOf = (base: string, path: StandardSchemaV1.Issue['path']): string =>
  (path ?? []).reduce<string>((text, part) => {
    const key = typeof part === 'object' ? part.key : part
    return typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`
  }, base)
