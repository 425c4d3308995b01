import { createListeners } from '../core/observable.ts'
import type { OpenChannel } from '../core/ports.ts'
import { channelName, isNotice, type MovedNotice, type SyncLink, type SyncNotice } from '../protocol/notice.ts'
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
  /** Called when the log has ended for all tabs: it goes on in another database, or the user has signed out. */
  onEnd: (state: 'moved' | 'signed-out') => void
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

export function createFeed(openChannel: OpenChannel, name: string): Feed {
  const moves = createListeners<[notice?: MovedNotice]>()
  const closing = new AbortController()
  /** Of the log that was opened. A tab without storage has one of its own, and so has one that does not know yet that the log goes on elsewhere. */
  let database: string | undefined
  /** The last notices of other databases: one of them may be that of a worker whose answer is on its way. */
  const others = new Map<string, MovedNotice | SyncNotice>()
  const channel = openChannel(channelName(name), (message) => {
    // What can't be read may have been a notice.
    if (!isNotice(message)) return moves.tell()
    if (message.kind === 'leave') feed.onEnd('signed-out')
    if (message.kind !== 'moved' && message.kind !== 'sync') return
    if (message.database === database) hear(message)
    else others.set(message.kind + message.database, message)
  })
  const hear = (message: MovedNotice | SyncNotice): void => {
    if (message.kind === 'sync') {
      feed.link = message.link
      feed.onLink()
      return
    }
    const { row } = message
    if (row?.kind === 'moved') feed.onEnd(row.to === '' ? 'signed-out' : 'moved')
    // The notices of two workers may come in another order than what they tell of: the counts of the later one stay.
    if (message.head < feed.revision) moves.tell(message)
    else moved(message, message)
  }
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
    onEnd: () => {},
    onAwake: () => {},
    onMoved: moves.add,
    nextMove: (signal) => nextOf(moves.add, signal),
    opened: ({ sync, head, pending }) => {
      if (sync) feed.link = sync
      // Its answer may come later than a notice of what it did since.
      const isLate = head.database === database && head.revision <= feed.revision
      database = head.database
      if (!isLate) moved({ confirmed: head.confirmed, pending, head: head.revision })
      for (const notice of [others.get(`moved${database}`), others.get(`sync${database}`)])
        if (notice !== undefined && (notice.kind === 'sync' || notice.head > feed.revision)) hear(notice)
      others.clear()
    },
    close: () => {
      closing.abort()
      channel.close()
      // Who waits for a move asks again, and is told that the log is closed.
      moves.tell()
    },
  }
  // A page that was frozen, hidden or kept in the back/forward cache may have missed notices.
  onPageBack(closing.signal, () => {
    moves.tell()
    if (!document.hidden) feed.onAwake()
  })
  return feed
}

const nextOf = (add: Feed['onMoved'], signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      stop()
      resolve()
    }
    const stop = add(end)
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })

function onPageBack(signal: AbortSignal, back: () => void): void {
  if (typeof document === 'undefined') return
  for (const name of ['visibilitychange', 'resume', 'pageshow']) addEventListener(name, back, { signal, capture: true })
}
