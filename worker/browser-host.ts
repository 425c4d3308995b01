import { browserClock, browserLocks, browserRandom, openBrowserChannel } from '../src/platform/browser.ts'
import { openIdbStore } from '../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { Host, type HostOptions } from './host.ts'

/** A host over the browser's own storage, locks, channels and network. */
export const createBrowserHost = (options: HostOptions): Host =>
  new Host(
    {
      clock: browserClock,
      random: browserRandom,
      locks: browserLocks,
      fetch: (request) => fetch(request),
      openChannel: openBrowserChannel,
      openStore: (name) => openIdbStore({ name, newId: browserRandom.newId, clock: browserClock }),
      openFallback: () => openMemoryStore(createMemoryDatabase(browserRandom.newId())),
    },
    options,
  )
