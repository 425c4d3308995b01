import { TidelogError } from '../src/core/errors.ts'
import type { Locks } from '../src/core/ports.ts'

/** A pruner holds the views' lock for moments only; who holds it longer is frozen. */
const viewsTimeoutMs = 10_000

/** Held by everybody who has a view of the database, and alone by who prunes. */
export const viewsLock = (name: string): string => `${name}/views`

/** Holds the lock that keeps rows from being pruned under a view; the answer lets it go. */
export async function holdViewsLock(locks: Locks, name: string): Promise<() => void> {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await new Promise<void>((resolve, reject) => {
    const hold = (): Promise<void> => {
      resolve()
      return released
    }
    const options = { mode: 'shared', timeoutMs: viewsTimeoutMs } as const
    locks.request(viewsLock(name), options, hold).then((held) => {
      if (!held) reject(new TidelogError('tidelog/storage-lost', 'another tab tidies the storage'))
    }, reject)
  })
  return release
}
