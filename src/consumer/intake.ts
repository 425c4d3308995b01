import { pageEventsMax } from '../core/limits.ts'
import { Wake } from '../core/wake.ts'
import type { Hub, Member } from './hub.ts'
import type { ConsumerSpec } from './options.ts'
import { confirmedBehind, mustFollow, positionOf, type RawEvent, rawEventsIn } from './raw-event.ts'

/** Reads what a consumer wants, in order, up to the head, and joins the hub there. What it has read waits in a bounded buffer. */
export class Intake implements Member {
  /** Everything up to here is in the buffer, or was. */
  position: number
  isLive = false
  /** The head at the first look. */
  firstHead: number | undefined
  readonly #hub: Hub
  readonly #spec: ConsumerSpec
  readonly #buffer: RawEvent[] = []
  /** Events that may wait. */
  #pageMax: number
  /** Wakes who takes events, and who reads them. */
  readonly #moved: () => void
  readonly #room = new Wake()
  #isEnded = false
  #failure: { readonly error: unknown } | undefined

  constructor(hub: Hub, spec: ConsumerSpec, position: number, moved: () => void) {
    this.#hub = hub
    this.#spec = spec
    this.#pageMax = spec.bufferMax
    this.position = position
    this.#moved = moved
  }

  /** The next event, if one waits. */
  shift(): RawEvent | undefined {
    const next = this.#buffer.shift()
    if (next !== undefined && this.#buffer.length <= this.#enough) this.#room.wake()
    return next
  }

  get next(): RawEvent | undefined {
    return this.#buffer[0]
  }

  /** Reads until it is ended; rejects when the log can't be read. */
  async run(): Promise<void> {
    const { scope } = this.#spec
    let seen: number | undefined
    while (!this.#isEnded) {
      if (this.#failure !== undefined) throw this.#failure.error
      const { length } = this.#buffer
      if (this.isLive || length > this.#enough) {
        this.#moved()
        await this.#room.wait()
        continue
      }
      const limit = this.#pageMax - (this.#isFast ? 0 : length)
      const request = confirmedBehind(this.position, { scope, seen, limit })
      const asking = this.#hub.ports.call((api) => {
        this.#hub.asks()
        return api.changes(request)
      })
      // After the question, so that the worker reads while this page handles.
      this.#moved()
      const answer = await asking
      if (this.#isEnded) return
      this.#hub.note(answer, this.position)
      // The worker has read the disk up to here; what comes behind is told.
      seen = answer.head.revision
      this.#fit(length)
      this.firstHead ??= answer.head.confirmed
      const events = rawEventsIn(answer.confirmed)
      if (scope.stream === undefined && scope.query === undefined) mustFollow(events, this.position, answer.position)
      this.#buffer.push(...events.filter(this.#spec.wants))
      this.position = answer.position
      if (!answer.more) this.isLive = this.#hub.join(this, this.position)
    }
  }

  /** A handler that has to wait for the log is given more at a time, since each page costs a question; a slow one is not. */
  #fit(before: number): void {
    const { isElastic, bufferMax } = this.#spec
    const { length } = this.#buffer
    if (length > 0 && length === before) this.#pageMax = bufferMax
    // The first page says nothing of the handler.
    else if (isElastic && length === 0 && this.firstHead !== undefined)
      this.#pageMax = Math.min(pageEventsMax, this.#pageMax * 2)
  }

  get #isFast(): boolean {
    return this.#pageMax > this.#spec.bufferMax
  }

  /** With more than this nothing is asked for. */
  get #enough(): number {
    return this.#isFast ? this.#pageMax : this.#pageMax / 2
  }

  take(events: readonly RawEvent[], through: number): boolean {
    const wanted = events.filter((raw) => positionOf(raw) > this.position && this.#spec.wants(raw))
    if (wanted.length > 0 && this.#buffer.length + wanted.length > this.#spec.bufferMax) {
      this.leave()
      return false
    }
    this.#buffer.push(...wanted)
    this.position = Math.max(this.position, through)
    this.#moved()
    return true
  }

  leave(): void {
    this.isLive = false
    this.#room.wake()
    this.#moved()
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.leave()
  }

  end(): void {
    this.#isEnded = true
    this.#hub.quit(this)
    this.#room.wake()
  }
}
