import type { Seen } from '../src/protocol/sync.ts'
import { type Page, readPage } from './page.ts'
import type { LogStore, RangeLimits } from './store.ts'
import type { Wakes } from './wakes.ts'

/** All who wait for one log here: they are woken together, and what one of them reads is told to all who ask for the same. */
export interface Audience {
  /** The name of the log: the same text for all of them. */
  readonly log: string
  readonly add: (wakes: Wakes) => void
  /** True when nobody is left; then the log is watched no longer. */
  readonly remove: (wakes: Wakes) => boolean
  readonly read: (after: Seen, limits: RangeLimits) => Promise<Page>
}

export function createAudience(store: LogStore, log: string): Audience {
  const members = new Set<Wakes>()
  const reading = new Map<string, { readonly change: number; readonly page: Promise<Page> }>()
  let change = 0
  const stop = store.watch(log, () => {
    change += 1
    for (const wakes of [...members]) wakes.moved()
  })
  const read: Audience['read'] = (after, limits) => {
    const key = `${after.position} ${after.digest} ${limits.bytesMax} ${limits.commitsMax}`
    const begun = reading.get(key)
    // One that began before the last change may not hold what somebody was woken for.
    if (begun?.change === change) return begun.page
    const page = readPage(store, log, after, limits)
    const mine = { change, page }
    reading.set(key, mine)
    const forget = (): void => {
      if (reading.get(key) === mine) reading.delete(key)
    }
    page.then(forget, forget)
    return page
  }
  return {
    log,
    add: (wakes) => void members.add(wakes),
    remove(wakes) {
      if (!members.delete(wakes) || members.size > 0) return false
      stop()
      return true
    },
    read,
  }
}
