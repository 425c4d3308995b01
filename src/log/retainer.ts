import { erasedType, isOwnType, matcherOf } from '../core/lifecycle.ts'
import type { Locks } from '../core/ports.ts'
import type { Retention, Retentions } from '../core/retention.ts'
import { timeNow } from '../core/time.ts'
import type { Appender } from './appender.ts'
import type { Engine } from './engine.ts'
import { pendingMatching } from './reader.ts'
import { SegmentGone } from './shelf.ts'

const firstLookMs = 60_000
const lookEveryMs = 60 * 60_000
const dayMs = 24 * 60 * 60_000
/** Events that are looked through before others get their turn. */
const eventsPerStep = 2_000
/** With a count, so many more are removed at once: each removal is an event of its own. */
const slackOf = (events: number): number => Math.ceil(events / 10)

/** A pattern of streams, and what of them was found and is still there. */
class Kept {
  readonly pattern: string
  readonly isOf: (stream: string) => boolean
  readonly #retention: Retention
  #positions: number[] = []
  #times: number[] = []

  constructor(pattern: string, retention: Retention) {
    this.pattern = pattern
    this.isOf = matcherOf(pattern)
    this.#retention = retention
  }

  add(position: number, time: number): void {
    this.#positions.push(position)
    this.#times.push(time)
  }

  forget(through: number): void {
    const gone = this.#positions.findLastIndex((position) => position <= through) + 1
    this.#positions = this.#positions.slice(gone)
    this.#times = this.#times.slice(gone)
  }

  /** The last position that is not to be kept any more; nothing while that is none. */
  expired(now: number): number | undefined {
    const { days = Infinity, events = Infinity } = this.#retention
    const young = this.#times.findIndex((time) => time > now - days * dayMs)
    const old = young < 0 ? this.#times.length : young
    const tooMany = this.#positions.length - events
    const count = Math.max(old, tooMany > slackOf(events) ? tooMany : 0)
    return this.#positions[count - 1]
  }
}

/** Has what was kept long enough erased: by an event of the log, like every erasure, in one worker at a time. */
export class Retainer {
  readonly #engine: Engine
  readonly #appender: Appender
  readonly #locks: Locks
  readonly #lock: string
  readonly #kept: readonly Kept[]
  /** Up to here the log was looked through, and how late it was then. */
  #position = 0
  #latest = 0
  #before = 0
  #isClosed = false
  #callOff = (): void => {}

  constructor(engine: Engine, appender: Appender, locks: Locks, name: string, retentions: Retentions) {
    this.#engine = engine
    this.#appender = appender
    this.#locks = locks
    this.#lock = `${name}/retain`
    this.#kept = Object.entries(retentions).map(([pattern, retention]) => new Kept(pattern, retention))
    if (this.#kept.length > 0) this.#lookAfter(firstLookMs)
  }

  close(): void {
    this.#callOff()
    this.#isClosed = true
  }

  #lookAfter(ms: number): void {
    if (this.#isClosed) return
    this.#callOff = this.#engine.clock.after(ms, () => {
      this.#locks
        .request(this.#lock, { timeoutMs: 0 }, () => this.#look())
        // Storage is full or gone: the next look comes.
        .catch(() => {})
        .finally(() => this.#lookAfter(lookEveryMs))
    })
  }

  async #look(): Promise<void> {
    await this.#engine.catchUp()
    await this.#readOn()
    const { clock, view } = this.#engine
    // A clock that is ahead must not take away what is young by all others.
    const now = Math.min(clock.now(), this.#latest)
    const isWaiting = await pendingMatching(view, [{ types: [erasedType] }], 0)
    for (const kept of this.#kept) {
      const through = kept.expired(now)
      if (through === undefined || isWaiting.some(({ stream }) => stream === kept.pattern)) continue
      await this.#erase(kept.pattern, through)
      kept.forget(through)
    }
  }

  async #erase(pattern: string, through: number): Promise<void> {
    const { clock, random } = this.#engine
    const event = { type: erasedType, stream: pattern, data: { through, isPattern: true, reason: 'retention' } }
    // Other devices come to the same: then it is one event for all.
    const id = `${erasedType}/${pattern.slice(0, 64)}/${through}`
    const commit = { id, contentId: random.newId(), time: timeNow(clock), events: [event] }
    await this.#appender.append([[JSON.stringify(commit), '{"options":{}}']])
  }

  /** Finds what came since the last look. */
  async #readOn(): Promise<void> {
    for (;;) {
      const isAll = await this.#engine.steadily(() => this.#readSome())
      if (isAll) return
      await new Promise<void>((resolve) => this.#engine.clock.after(0, resolve))
    }
  }

  async #readSome(): Promise<boolean> {
    const { view, content } = this.#engine
    const { sealed } = view
    const head = view.confirmed.head.position
    const window = { after: this.#position, through: Math.min(head, this.#position + eventsPerStep) }
    for await (const events of sealed.matching([{}], window))
      for (const { placed } of events) this.#take(placed.position, placed)
    if (view.sealed !== sealed) throw new SegmentGone()
    const positions = [...view.confirmed.matching([{}], window)]
    for (const event of await content.eventsAt(positions)) this.#take(event.position ?? 0, event)
    return window.through === head
  }

  #take(
    position: number,
    { type, stream, time, isErased }: { type: string; stream: string; time: string; isErased?: true | undefined },
  ): void {
    if (position <= this.#position) return
    this.#position = position
    const parsed = Date.parse(time)
    // Any device may write any time: one that says nothing must not make all that is young old.
    const at = Number.isNaN(parsed) ? this.#before : parsed
    this.#before = at
    this.#latest = Math.max(this.#latest, at)
    if (isErased || isOwnType(type)) return
    for (const kept of this.#kept) if (kept.isOf(stream)) kept.add(position, at)
  }
}
