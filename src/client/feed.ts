import { createListeners } from '../core/observable.ts'
import type { OpenChannel } from '../core/ports.ts'
import { channelName, isNotice, type MovedNotice, type SyncLink } from '../protocol/notice.ts'
import type { Opened } from './connection.ts'

/** What the page hears: notices of the workers of this browser, and signs that some may have been missed. */
export interface Feed {
  link: SyncLink
  confirmed: number
  /** Commits not yet confirmed. */
  pending: number
  /** The revision that these counts are of. */
  revision: number
  /** Called when the counts have changed. */
  onCounts: () => void
  /** Called when the syncing worker said how it is going. */
  onLink: () => void
  /** Called when the page is looked at again. */
  onAwake: () => void
  /** Calls back at each move of the log; without a notice when it only may have moved. The answer ends it. */
  readonly onMoved: (listener: (notice?: MovedNotice) => void) => () => void
  /** Resolves when the log moves or the signal is aborted. */
  readonly nextMove: (signal: AbortSignal | undefined) => Promise<void>
  /** A worker opened the log. */
  readonly opened: (opened: Opened) => void
  readonly close: () => void
}

export function createFeed(openChannel: OpenChannel, database: string): Feed {
  const moves = createListeners<[notice?: MovedNotice]>()
  const closing = new AbortController()
  const channel = openChannel(channelName(database), (message) => {
    // What can't be read may have been a notice.
    if (!isNotice(message)) return moves.tell()
    if (message.kind === 'moved') moved(message, message)
    if (message.kind === 'sync') {
      feed.link = message.link
      feed.onLink()
    }
  })
  const moved = (
    { confirmed, pending, head: revision }: Pick<MovedNotice, 'confirmed' | 'pending' | 'head'>,
    notice?: MovedNotice,
  ): void => {
    Object.assign(feed, { confirmed, pending, revision })
    feed.onCounts()
    moves.tell(notice)
  }
  const feed: Feed = {
    link: { state: 'starting', sent: 0, serverHead: 0, failures: 0 },
    confirmed: 0,
    pending: 0,
    revision: 0,
    onCounts: () => {},
    onLink: () => {},
    onAwake: () => {},
    onMoved: moves.add,
    nextMove: (signal) =>
      new Promise((resolve) => {
        const end = (): void => {
          stop()
          resolve()
        }
        const stop = moves.add(end)
        signal?.addEventListener('abort', end)
        if (signal?.aborted) end()
      }),
    opened: ({ sync, head, pending }) => {
      if (sync) feed.link = sync
      moved({ confirmed: head.confirmed, pending, head: head.revision })
    },
    close: () => {
      closing.abort()
      channel.close()
      // Who waits for a move asks again, and is told that the log is closed.
      moves.tell()
    },
  }
  // A page that was frozen, hidden or kept in the back/forward cache may have missed notices.
  const back = (): void => {
    moves.tell()
    if (!document.hidden) feed.onAwake()
  }
  if (typeof document !== 'undefined')
    for (const name of ['visibilitychange', 'resume', 'pageshow'])
      addEventListener(name, back, { signal: closing.signal, capture: true })
  return feed
}
