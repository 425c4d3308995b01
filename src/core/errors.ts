/** Codes of {@link TidelogError}. They are stable; messages are not. */
export type TidelogErrorCode =
  | 'tidelog/argument'
  | 'tidelog/log-closed'
  | 'tidelog/log-moved'
  | 'tidelog/worker-lost'
  | 'tidelog/storage-lost'
  | 'tidelog/aborted'
  | 'tidelog/marker-expired'
  | 'tidelog/timeout'
  | 'tidelog/data'
  | 'tidelog/outcome'
  | 'tidelog/decider'
  | 'tidelog/filter'
  | 'tidelog/impure'
  | 'tidelog/consumer-taken'
  | 'tidelog/parked'

/** Thrown for misuse and for a log that cannot go on. Business outcomes are values, never errors. */
export class TidelogError extends Error {
  readonly code: TidelogErrorCode
  constructor(code: TidelogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    // Of an error that crosses from the worker only name and message arrive.
    this.name = code
  }
}

/** Tells a {@link TidelogError} by its code, also one that came from another copy of this package. */
export const isTidelogError = (error: unknown, code?: TidelogErrorCode): error is TidelogError =>
  error instanceof Error && error.name.startsWith(code ?? 'tidelog/')

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Refuses a wrong argument before anything is written. */
export function mustBe(condition: boolean, what: string, value?: unknown): asserts condition {
  if (!condition) throw new TidelogError('tidelog/argument', `${what} can't be ${show(value)}`)
}

/** Refuses options that are misspelt. `names` are parted by spaces. */
export function mustKnow(options: object, names: string): void {
  for (const name of Object.keys(options)) mustBe(names.split(' ').includes(name), 'an option', name)
}

const show = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value).slice(0, 60) : `${value}`)

/** A state that the code excludes: a bug of tidelog itself. */
export const bug = (what: string): never => {
  throw new Error(`tidelog bug: ${what}`)
}
