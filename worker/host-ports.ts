import type { Clock, Fetch, Locks, OpenChannel, Random } from '../src/core/ports.ts'
import type { Store } from '../src/store/store.ts'

/** What a host needs from outside. */
export interface HostPorts {
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  readonly fetch: Fetch
  readonly openChannel: OpenChannel
  readonly openStore: (name: string) => Promise<Store>
  /** False while a tab holds it that does not answer. Absent where there is nothing to delete. */
  readonly deleteStore?: (name: string) => Promise<boolean>
  /** Where the log rests when {@link openStore} can't. */
  readonly openFallback: () => Store
}
