import type { Channel, Clock } from '../core/ports.ts'
import { type MovedNotice, noticeVersion } from '../protocol/notice.ts'
import type { View } from './view.ts'

/** Writes that follow each other faster than this share a notice: one for each would cost more than a third of a small append. */
const restMs = 4

type Content = Partial<Pick<MovedNotice, 'row' | 'log' | 'reordered'>>

/** Tells the other workers and the pages of this browser that the log moved: at once, and in a burst now and then. */
export class Announcer {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #view: View
  /** The first write that nobody was told of; its content only while it is the only one. */
  #unsaid: { readonly previous: number; readonly content: Content } | undefined
  /** Ends the rest after a notice; absent while there is none. */
  #endRest: (() => void) | undefined

  constructor(channel: Channel, clock: Clock, view: View) {
    this.#channel = channel
    this.#clock = clock
    this.#view = view
  }

  /** A write was kept. `content` rides along when the notice is of this write alone. */
  moved(previous: number, content: Content): void {
    if (this.#endRest === undefined) this.#say(previous, content)
    else if (this.#unsaid === undefined) this.#unsaid = { previous, content }
    else this.#unsaid = { ...this.#unsaid, content: {} }
  }

  /** Says what was not said yet. */
  flush(): void {
    this.#endRest?.()
    this.#endRest = undefined
    if (this.#unsaid !== undefined) this.#say(this.#unsaid.previous, this.#unsaid.content)
  }

  /** Says the last and falls silent. */
  close(): void {
    this.flush()
    this.#endRest?.()
  }

  /** Says where the log is, for pages that may have missed how it came there. */
  repeat(): void {
    if (this.#view.revision > 0) this.#say(this.#view.revision, { reordered: -1 })
  }

  #say(previous: number, content: Content): void {
    const { identity, revision, confirmed, pending, reordered } = this.#view
    this.#unsaid = undefined
    this.#channel.post({
      v: noticeVersion,
      kind: 'moved',
      database: identity,
      previous,
      head: revision,
      reordered,
      confirmed: confirmed.head.position,
      pending: pending.size,
      ...content,
    })
    this.#endRest ??= this.#clock.after(restMs, () => this.flush())
  }
}
