import { same } from '../core/same.ts'
import { showDifferences } from './differences.ts'

interface CapturesStack {
  readonly captureStackTrace?: (error: object, above: unknown) => void
}

/** A failed expectation in the shape that test runners know: they show it as they show their own. */
export class Mismatch extends Error {
  override readonly name: string = 'AssertionError'
  readonly code: string = 'ERR_ASSERTION'
  readonly generatedMessage: boolean = false
  readonly operator: string = 'deepEqual'
  readonly showDiff: boolean
  // Only where there is something to compare: a runner makes a difference of any two that it finds.
  declare readonly expected?: unknown
  declare readonly actual?: unknown

  constructor(message: string, sides?: { readonly expected: unknown; readonly actual: unknown }, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.showDiff = sides !== undefined
    Object.assign(this, sides)
  }

  /** Begins the stack where the test called, so that a runner shows the line of the test. */
  above(called: unknown): this {
    ;(Error as CapturesStack).captureStackTrace?.(this, called)
    return this
  }
}

/** Throws a {@link Mismatch} that shows what differs, and only that. `called` is the function that the test called. */
export function mustMatch(what: string, expected: unknown, actual: unknown, called: unknown): void {
  if (same(expected, actual)) return
  const message = `${what} (- expected, + actual)\n\n${showDifferences(expected, actual)}\n`
  throw new Mismatch(message, { expected, actual }).above(called)
}
