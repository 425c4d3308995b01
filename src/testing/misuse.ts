import { TidelogError } from '../core/errors.ts'

/** Ends a test that makes no sense. That is no failed expectation, so it is thrown as what it is: `tidelog/argument`. */
export const misuse = (message: string): never => {
  throw new TidelogError('tidelog/argument', message)
}
