import type { BucketRow, DirectoryRow, LogRow, PartRow, StateRow, WriteRow } from '../protocol/rows.ts'
import type { Durability } from '../protocol/worker.ts'

/** The rows of each object store. */
export interface Rows {
  writes: WriteRow
  log: LogRow | DirectoryRow | PartRow
  dir: BucketRow
  state: StateRow
}
export type StoreName = keyof Rows
export type Key = number | readonly [string | number, number]

/** The key path of each object store. */
export const keyPaths: Readonly<Record<StoreName, string | string[]>> = {
  writes: 'revision',
  log: 'last',
  dir: ['bucket', 'group'],
  state: ['chain', 'n'],
}

type ForEach<F extends (name: StoreName) => unknown> = ReturnType<F>
/** `add` refuses a key that is taken and with it the whole transaction; that is the fence. */
export type Request = ForEach<
  <N extends StoreName>(
    name: N,
  ) =>
    | { readonly op: 'add' | 'put'; readonly store: N; readonly row: Rows[N] }
    | { readonly op: 'get'; readonly store: N; readonly key: Key }
    | ({ readonly op: 'range'; readonly store: N } & Range)
    | ({ readonly op: 'count'; readonly store: N } & Omit<Range, 'limit'>)
    | ({ readonly op: 'delete'; readonly store: N } & Pick<Range, 'from' | 'to'>)
>
/** Rows in key order; bounds are inclusive but for `after`. */
export interface Range {
  readonly after?: Key
  readonly from?: Key
  readonly to?: Key
  readonly limit?: number
}
/** What a request gives. */
export type Result<R> = R extends { readonly op: 'get'; readonly store: infer N extends StoreName }
  ? Rows[N] | undefined
  : R extends { readonly op: 'range'; readonly store: infer N extends StoreName }
    ? readonly Rows[N][]
    : R extends { readonly op: 'count' }
      ? number
      : undefined
export type Results<R extends readonly Request[]> = { readonly [I in keyof R]: Result<R[I]> }

export interface RunOptions {
  readonly write?: boolean
  readonly durability?: Durability
}

/**
 * Where a log rests. One call is one transaction: all requests are issued in one turn, everything or nothing is kept,
 * and the promise resolves when the transaction is complete. A call on an open store issues its requests before it
 * returns.
 */
export interface Store {
  /** Id of this very database; another one after it was wiped. */
  readonly identity: string
  readonly durable: boolean
  run<const R extends readonly Request[]>(requests: R, options?: RunOptions): Promise<Results<R>>
  /** Waits for the transactions under way. */
  close(): Promise<void>
}

/**
 * `taken` an add met its key · `full` no room · `lost` no connection, outcome unknown · `silent` it does not open, nothing was
 * done · `replaced` another database, or none any more · `newer` a newer app gave it another version
 */
export type StoreErrorKind = 'taken' | 'full' | 'lost' | 'silent' | 'replaced' | 'newer' | 'closed'
export class StoreError extends Error {
  readonly kind: StoreErrorKind
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    // What reaches the page is a log without its storage.
    this.name = 'tidelog/storage-lost'
    this.kind = kind
  }
}
export const isStoreError = (error: unknown, kind?: StoreErrorKind): error is StoreError =>
  error instanceof StoreError && (kind === undefined || error.kind === kind)
