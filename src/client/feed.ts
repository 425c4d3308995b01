import type { Channel, OpenChannel } from '../core/ports.ts'
import { channelName, isNotice, type MovedNotice, type SyncLink } from '../protocol/notice.ts'

/** What the page hears: notices of the workers of this browser, and signs that some may have been missed. */
export class Feed {
  readonly #channel: Channel
  readonly #moved = new Set<(notice: MovedNotice | undefined) => void>()
  readonly #onLink: (link: SyncLink) => void
  readonly #stop: () => void

  constructor(openChannel: OpenChannel, database: string, onLink: (link: SyncLink) => void) {
    this.#onLink = onLink
    this.#channel = openChannel(channelName(database), (message) => this.#hear(message))
    this.#stop = onReturn(() => this.look())
  }

  /** Calls back at each move of the log; without a notice when it only may have moved. */
  onMoved(listener: (notice: MovedNotice | undefined) => void): () => void {
    this.#moved.add(listener)
    return () => {
      this.#moved.delete(listener)
    }
  }

  /** Has everybody look at the log, whatever was heard. */
  look(): void {
    for (const listener of [...this.#moved]) listener(undefined)
  }

  close(): void {
    this.#stop()
    this.#channel.close()
    this.#moved.clear()
  }

  #hear(message: unknown): void {
    if (!isNotice(message)) return
    if (message.kind === 'sync') this.#onLink(message.link)
    if (message.kind === 'moved') for (const listener of [...this.#moved]) listener(message)
  }
}

/** A page that was frozen, hidden or kept in the back/forward cache may have missed notices. */
function onReturn(look: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const visible = (): void => {
    if (document.visibilityState === 'visible') look()
  }
  const shown = (event: PageTransitionEvent): void => {
    if (event.persisted) look()
  }
  document.addEventListener('visibilitychange', visible)
  document.addEventListener('resume', look)
  window.addEventListener('pageshow', shown)
  return () => {
    document.removeEventListener('visibilitychange', visible)
    document.removeEventListener('resume', look)
    window.removeEventListener('pageshow', shown)
  }
}
