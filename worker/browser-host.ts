import { browserClock, browserLocks, browserRandom, openBrowserChannel } from '../src/platform/browser.ts'
import { deleteIdbStore } from '../src/store/delete-idb.ts'
import { openIdbStore } from '../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { Host } from './host.ts'
import type { HostOptions } from './open-log.ts'

/** A host over the browser's own storage, locks, channels and network. */
export function createBrowserHost(options: HostOptions): Host {
  const host = new Host(
    {
      clock: browserClock,
      random: browserRandom,
      locks: browserLocks,
      fetch: (request) => fetch(request),
      openChannel: openBrowserChannel,
      openStore: (name, onDropped) =>
        openIdbStore({ name, newId: browserRandom.newId, clock: browserClock, ...(onDropped && { onDropped }) }),
      deleteStore: (name) => deleteIdbStore(name, browserClock),
      openFallback: () => openMemoryStore(createMemoryDatabase(browserRandom.newId())),
      // Beside what Comlink says, which passes over it.
      tell: (said) => postMessage({ tidelog: said }),
    },
    options,
  )
  // Before the log is open there is nothing to try again.
  addEventListener('online', () => void host.askSync('now').catch(() => {}))
  return host
}
