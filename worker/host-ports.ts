import type { Clock, Fetch, Locks, OpenChannel, Random } from '../src/core/ports.ts'
import type { Said } from '../src/protocol/worker.ts'
import type { Store } from '../src/store/store.ts'

/** What a host needs from outside. */
export interface HostPorts {
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  readonly fetch: Fetch
  readonly openChannel: OpenChannel
  /** `dropped` is called when the browser took the connection away. */
  readonly openStore: (name: string, dropped?: () => void) => Promise<Store>
  /** False while a tab holds it that does not answer. Absent where there is nothing to delete. */
  readonly deleteStore?: (name: string) => Promise<boolean>
  /** Where the log rests when {@link openStore} can't. */
  readonly openFallback: () => Store
  /** Tells the page what it did not ask for; without it the page knows what the answers to its calls say. */
  readonly tell?: (said: Said) => void
}
