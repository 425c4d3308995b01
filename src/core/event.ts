import type { StandardSchemaV1 } from '@standard-schema/spec'
import { mustBe } from './errors.ts'
import { isCount, isText } from './guard.ts'
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
  const { tags = [], stream } = options
  for (const tag of tags) mustBe(/^[^:]+$/.test(tag), 'a tag', tag)
  return { schema, tags, stream, ...versionOf(schema, options) }
}

/** The version of a schema. Throws for what is no schema, no version, or lacks a step from an older one. */
export function versionOf(
  schema: Schema,
  { version = 1, upcast = {} }: Pick<EventOptions, 'version' | 'upcast'>,
): Pick<EventDef, 'version' | 'upcast'> {
  mustBe(typeof schema?.['~standard']?.validate === 'function', 'a schema', schema)
  mustBe(isCount(version, 1), 'version', version)
  for (let from = 1; from < version; from++) mustBe(typeof upcast[from] === 'function', `upcast[${from}]`, upcast[from])
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

declare const map$: unique symbol
/** The creators of {@link defineEvents}, one for each type. */
export type Events<M extends EventMap> = {
  readonly [K in keyof M & string]: (data: In<M[K]>) => { readonly type: K; readonly data: Out<M[K]> }
} & { readonly [map$]?: M }

const definitions = new WeakMap<object, EventMap>()

/** Names the events of a log and gives a creator for each: `events.ItemAdded({ … })` is a fact to append. */
export function defineEvents<const M extends EventMap>(map: M): Events<M> {
  const creators: Record<string, (data: unknown) => { type: string; data: unknown }> = {}
  for (const [type, { schema }] of Object.entries(map)) {
    mustBe(isText(type, eventTypeMax) && type[0] !== '$', 'an event type', type)
    creators[type] = (data) => {
      // Defaults of the schema show up at once; what the schema refuses is reported by the append, as an outcome.
      const checked = runSchema(schema, data)
      return { type, data: checked.ok ? checked.value : data }
    }
  }
  // Without a prototype, so that an event can be called `constructor`.
  definitions.set(creators, { __proto__: null, ...map } as EventMap)
  return creators as Events<M>
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
