import { messageOf } from '../../src/core/errors.ts'
import { isStoreError, type StoreFailure } from '../store-error.ts'
import { fail } from './failure.ts'
import { describeStore } from './stores.ts'

const advice: Readonly<Record<StoreFailure, string>> = {
  unavailable: 'is it running, and can it be reached from here? (serve --wait waits for it)',
  full: 'make room first',
  refused: 'look at the address, the user and the rights',
  'newer-format': 'update tidelog here',
}

/** Ends the program with a line about its store. */
export function explain(url: string, error: unknown): never {
  if (!isStoreError(error)) throw error
  // What a file can be refused for, it says itself.
  if (error.code.startsWith('sqlite/')) return fail(error.message, error)
  return fail(`${describeStore(url)} can't be used: ${messageOf(error)}; ${advice[error.failure]}`, error)
}
