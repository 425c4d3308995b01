import type { Engine } from '../src/log/engine.ts'
import type { StorageStatus } from '../src/protocol/worker.ts'
import { isStoreError } from '../src/store/store.ts'
import { type Database, openArchive, openCurrent } from './databases.ts'
import type { HostPorts } from './host-ports.ts'
import { StorageWatch } from './storage-watch.ts'

/** Where a log rests, and what is told of it. */
export interface Rest extends Database {
  readonly watch: StorageWatch
  /** Why it is memory, if so: the browser gave no storage. */
  readonly problem: string | undefined
}
export interface RestOptions {
  readonly base: string
  readonly archive: string | undefined
  /** Nothing is put in the place of storage that is not to be had. */
  readonly mustRest: boolean
  /** Called when storage has to be looked at again. */
  readonly dropped: () => void
}

/** Opens the storage of a log, or memory in its place. */
export async function openStore(ports: HostPorts, { base, archive, mustRest, dropped }: RestOptions): Promise<Rest> {
  const { clock, tell, openFallback } = ports
  const watch = new StorageWatch(clock, (storage) => tell?.({ storage }))
  if (mustRest) watch.hush()
  const watched = { ...ports, openStore: (name: string) => ports.openStore(name, dropped) }
  try {
    const opening = archive === undefined ? openCurrent(watched, base) : openArchive(watched, base, archive)
    const { name, store } = await (tell ? watch.during(opening) : opening)
    return { name, store: tell ? watch.over(store) : store, watch, problem: undefined }
  } catch (error) {
    // What a newer app has made its own is there: an empty log in memory would be a lie.
    if (mustRest || !isStoreError(error) || error.kind === 'newer') throw error
    return { name: base, store: openFallback(), watch, problem: error.message }
  }
}

/** How the storage of an open log is, while nothing is wrong with it. */
export const restOf = ({ stopped, view, store: { durable } }: Engine, problem: string | undefined): StorageStatus => ({
  state: view.movedTo !== undefined ? 'moved' : stopped !== undefined ? 'needs-newer-app' : durable ? 'ok' : 'memory',
  durable,
  problem: problem ?? stopped,
})
