import type { EventMap, Events } from './event.ts'
import type { Query } from './queries.ts'
import type { Recorded } from './recorded.ts'

/** What an index is ordered by: `false`, `true`, numbers, strings, then tuples, element by element. */
export type IndexKey = boolean | number | string | readonly (boolean | number | string)[]

type Ids = string | readonly string[]
/** How a row takes each type of event; `undefined` is no row. Pure. */
export type RowFold<M extends EventMap, Row> = {
  readonly [K in keyof M & string]?: (row: Row | undefined, event: Recorded<M, K>, id: string) => Row | undefined
}

/** What a read model is defined by. `Row` is JSON. */
export interface ReadModelDef<M extends EventMap, Row> {
  readonly name: string
  /** Raise it when `ids`, `on` or an index changes: the rows are built anew beside the old ones. */
  readonly version: number
  readonly query?: Query<M>
  readonly stream?: string
  /** The rows that an event concerns: a function for each type, or one for all. Pure. */
  readonly ids: ((event: Recorded<M>) => Ids) | { readonly [K in keyof M & string]?: (event: Recorded<M, K>) => Ids }
  readonly on: NoInfer<RowFold<M, Row>>
  /** What rows are found by beside their ids: the keys that a row has in each index. Pure. */
  readonly indexes?: { readonly [index: string]: (row: NoInfer<Row>, id: string) => readonly IndexKey[] }
  /** Shows a row of the version before while this one is being built; `undefined` leaves it out. */
  readonly upgrade?: (old: unknown, fromVersion: number, id: string) => NoInfer<Row> | undefined
}
/** Rows that are folded from events, by name and version. */
export interface ReadModel<M extends EventMap, Row> extends ReadModelDef<M, Row> {
  readonly events: Events<M>
}

/** Any read model. */
// biome-ignore lint/suspicious/noExplicitAny: events are contravariant, so only `any` holds every read model
export type AnyReadModel = ReadModel<any, any>
