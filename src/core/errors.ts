/** Codes of {@link TidelogError}. They are stable; messages are not. */
export type TidelogErrorCode =
  | 'tidelog/argument'
  | 'tidelog/log-closed'
  | 'tidelog/worker-lost'
  | 'tidelog/storage-lost'
  | 'tidelog/aborted'
  | 'tidelog/marker-expired'
  | 'tidelog/timeout'
  | 'tidelog/data'
  | 'tidelog/outcome'

/** Thrown for misuse and for a log that cannot go on. Business outcomes are values, never errors. */
export class TidelogError extends Error {
  readonly code: TidelogErrorCode
  constructor(code: TidelogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TidelogError'
    this.code = code
  }
}

/** Tells a {@link TidelogError} by its code, also one that came from another copy of this package. */
export const isTidelogError = (error: unknown, code?: TidelogErrorCode): error is TidelogError =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  error.code.startsWith('tidelog/') &&
  (code === undefined || error.code === code)

/** Refuses a wrong argument at once, before anything is sent or written. */
export function mustBe(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TidelogError('tidelog/argument', message)
}

/** A state that the code excludes: a bug of tidelog itself. */
export const bug = (what: string): never => {
  throw new Error(`tidelog bug: ${what}`)
}
