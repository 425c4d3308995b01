import { isTidelogError, TidelogError } from '../core/errors.ts'

/** What storage gave is not what was kept: said as it is, and never taken for anything else. */
export const toDamage = (cause: unknown): TidelogError =>
  new TidelogError('tidelog/storage-lost', 'what was kept is damaged', { cause })

/** JSON that this code has kept as text. */
export function parseKept<T>(text: string): T {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw toDamage(cause)
  }
}

/** Runs what makes sense of rows: where it fails on them, and says nothing of its own, they are damaged. */
export async function understand<T>(reading: () => Promise<T>): Promise<T> {
  try {
    return await reading()
  } catch (error) {
    throw isTidelogError(error) ? error : toDamage(error)
  }
}
