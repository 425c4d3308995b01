import { isTidelogError, TidelogError } from './errors.ts'

/** What storage, or a segment, gives is not what was kept: said as it is, and never taken for anything else. */
export const damaged = (cause?: unknown): TidelogError =>
  new TidelogError('tidelog/storage-lost', 'what was kept is damaged', { cause })

/** Runs what makes sense of what was kept: where it fails on that, and says nothing of its own, it is damaged. */
export async function understand<T>(reading: () => Promise<T>): Promise<T> {
  try {
    return await reading()
  } catch (error) {
    throw isTidelogError(error) ? error : damaged(error)
  }
}

/** JSON that this code has kept as text. */
export function parseKept<T>(text: string): T {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw damaged(error)
  }
}
