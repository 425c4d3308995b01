/** Why a store can't do what it is asked, as far as whoever asks can do something about it. */
export type StoreFailure =
  /** Not reachable, or too busy, for now. An append that was under way may have been done. */
  | 'unavailable'
  /** There is no room left. */
  | 'full'
  /** It will not serve us as it is set up: a wrong password, missing rights, a file that is no store. */
  | 'refused'
  /** A newer version of tidelog wrote it. */
  | 'newer-format'

const failures: ReadonlySet<unknown> = new Set<StoreFailure>(['unavailable', 'full', 'refused', 'newer-format'])

/**
 * What a store rejects with when the fault is not in the request. The endpoint answers 503, and devices keep what they have and
 * come back. Any other error of a store is a bug, and is answered 500.
 */
export class StoreError<Code extends string = string> extends Error {
  /** Stable; the message is not. */
  readonly code: Code
  readonly failure: StoreFailure
  constructor(code: Code, failure: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.failure = failure
    this.name = 'StoreError'
  }
}

/** Tells a {@link StoreError}, also one that came from another copy of this package. */
export const isStoreError = (error: unknown): error is StoreError =>
  error instanceof Error && 'code' in error && 'failure' in error && failures.has(error.failure)
