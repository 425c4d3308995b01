import { createCell } from '../core/observable.ts'
import type { SyncWish } from '../protocol/notice.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { OpenOptions, SyncControl, SyncStatus } from './types.ts'

/** Sync as the page shows it: what the syncing worker says of the server, and what this device holds. */
export function createSyncControl(
  call: Call,
  feed: Feed,
  credentials: OpenOptions['credentials'] | undefined,
): SyncControl {
  const status = (): SyncStatus => {
    const { link, confirmed, pending } = feed
    const synced = pending === 0 && link.state === 'live' && confirmed >= link.serverHead
    return { ...link, synced, confirmed, pending }
  }
  const cell = createCell(status())
  const refresh = async (): Promise<void> => {
    const headers = await credentials?.()
    if (headers) await call((api) => api.setCredentials(headers))
  }
  const show = (): void => cell.set(status())
  feed.onCounts = show
  feed.onLink = () => {
    show()
    // The worker says it once for every time that the server refused what it had.
    if (feed.link.state === 'needs-credentials') refresh().catch(() => {})
  }
  const ask = (wish: SyncWish) => () => void call((api) => api.askSync(wish)).catch(() => {})
  feed.onAwake = ask('awake')
  return { ...cell, now: ask('now'), pause: ask('pause'), resume: ask('resume') }
}
