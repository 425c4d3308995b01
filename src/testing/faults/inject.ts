import { mustKnow } from '../../core/errors.ts'
import { seededRandom } from '../seeded-random.ts'
import { type ClockFaults, clockFaults } from './clock.ts'
import { type NoticeFaults, noticeFaults } from './notices.ts'
import { createPatches, type Undo } from './patch.ts'
import { type StorageFaults, storageFaults } from './storage.ts'

/** Faults of one realm, a page or a worker. Each answers with what ends it. */
export interface Faults {
  readonly storage: StorageFaults
  readonly notices: NoticeFaults
  readonly clock: ClockFaults
  /** Ends all of them, and gives the realm back what is its own. */
  readonly restore: Undo
}

/**
 * Lets storage, notices and the clock of this realm fail when they are told to; until then they work as ever. Call it
 * before the log is opened or served. The same `seed` strikes the same messages.
 */
export function injectFaults(realm: typeof globalThis = globalThis, options: { readonly seed?: number } = {}): Faults {
  mustKnow(options, 'seed')
  const patches = createPatches()
  const storage = storageFaults(realm, patches)
  const notices = noticeFaults(realm, patches, seededRandom(options.seed ?? 1))
  const clock = clockFaults(realm, patches)
  return {
    storage,
    notices,
    clock,
    restore: () => {
      for (const faults of [storage, notices, clock]) faults.clear()
      patches.restore()
    },
  }
}
