import type { DecodedEvent } from '../core/decode.ts'
import { TidelogError } from '../core/errors.ts'
import { isPromiseLike } from '../core/guard.ts'
import type { UnknownEvent } from '../core/recorded.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import { retryAfterMs, sleep, within } from './attempts.ts'
import { type Beside, Context } from './context.ts'
import type { FailureBook } from './failures.ts'
import type { ConsumerSpec } from './options.ts'
import type { ConsumerPorts } from './ports.ts'
import { decodeRaw, positionOf, type RawEvent } from './raw-event.ts'
import { fallsTo } from './shard.ts'
import type { PendingState } from './state.ts'
import type { Gauge } from './status.ts'
import type { Handler } from './types.ts'

export type AnyEvent = DecodedEvent | UnknownEvent
export type AnyHandler = Handler<never>

/** A stored event on its way to the handler, as what has become of it; without a shape while it could not be given one. */
export interface Item {
  readonly raw: RawEvent
  readonly events: readonly AnyEvent[] | undefined
}
type Given = readonly [event: AnyEvent | readonly AnyEvent[], context: Context]
/** What is handed to the handler at once. */
export interface Unit {
  readonly items: readonly Item[]
  /** Called when the handler has returned; it may acknowledge later. */
  readonly returned: () => void
  /** Called for each event when it counts as handled. */
  readonly ends: readonly (() => void)[]
}

export interface HandlingPorts extends Pick<ConsumerPorts, 'clock' | 'random' | 'definitions'> {
  readonly spec: ConsumerSpec
  readonly handler: AnyHandler
  readonly book: FailureBook
  readonly gauge: Gauge
  readonly state: PendingState
  /** Nothing is tried again once this is aborted. */
  readonly stopping: AbortSignal
  /** What handlers are given. */
  readonly signal: AbortSignal
  readonly beside: (position: number) => Beside
  /** Keeps what was noted, in one transaction with the checkpoint. */
  readonly save: (changes: KeptChanges) => Promise<void>
}

/** Hands events to the handler until they are handled, passed over or parked; rejects where the consumer has to stop. */
export class Handling {
  readonly #ports: HandlingPorts

  constructor(ports: HandlingPorts) {
    this.#ports = ports
  }

  /** An event that is wanted, or one that fails already; nothing for what is passed over. */
  admit(raw: RawEvent): Item | undefined {
    try {
      const events = this.#shape(raw)
      return events.length > 0 ? { raw, events } : undefined
    } catch {
      return { raw, events: undefined }
    }
  }

  /** What is wanted of an event. Throws `tidelog/data` where it can't be decoded, and `tidelog/filter`. */
  #shape(raw: RawEvent): readonly AnyEvent[] {
    const { spec, definitions } = this.#ports
    const { shard } = spec
    if (shard?.isStored && !fallsTo(shard, raw[0])) return []
    return decodeRaw(definitions, raw).filter((event) => this.#isWanted(event))
  }

  #isWanted(event: AnyEvent): boolean {
    const { spec } = this.#ports
    const { shard } = spec
    if (!spec.isAsked(event) || (event.type === '$unknown' && spec.unknown !== 'yield')) return false
    try {
      if (shard?.isStored === false && !fallsTo(shard, event)) return false
      return spec.filter === undefined || spec.filter(event)
    } catch (cause) {
      throw new TidelogError('tidelog/filter', `the filter failed at event ${event.id}: ${cause}`, { cause })
    }
  }

  /** Nothing when it was handled in this very turn: a promise more for each event would be half of what it costs. */
  handle(unit: Unit): Promise<void> | undefined {
    const { spec, book } = this.#ports
    if (spec.onError.holdStream && unit.items.some(({ raw }) => book.holds(raw[0].stream)))
      return unit.items.length > 1 ? this.#each(unit) : this.#park(unit, 'held')
    try {
      const trying = this.#try(unit, 1)
      if (trying === undefined) return this.#clear(unit)
      return trying.then(
        () => this.#clear(unit),
        (error) => this.#fail(unit, error, 1),
      )
    } catch (error) {
      return this.#fail(unit, error, 1)
    }
  }

  async #fail(unit: Unit, error: unknown, attempt: number): Promise<void> {
    const { spec, book, gauge, stopping, clock, random } = this.#ports
    const { retry, retryMs, retryMsMax, giveUp } = spec.onError
    // What the end itself brought about is no failure.
    if (stopping.aborted) throw error
    gauge.failed++
    if (await this.#recovers(error, unit, attempt)) return this.#pass(unit)
    if (attempt > retry) return this.#giveUp(unit, error)
    // A try in between costs no write.
    if (giveUp !== 'skip') for (const { raw } of unit.items) book.note(raw, 'failing', error)
    gauge.tell()
    await sleep(clock, retryAfterMs(attempt, retryMs, retryMsMax, random), stopping)
    if (stopping.aborted) throw error
    try {
      await this.#try(unit, attempt + 1)
    } catch (again) {
      return this.#fail(unit, again, attempt + 1)
    }
    await this.#clear(unit)
  }

  /** Tries an event that waits once more; answers whether it went well. */
  async handleAgain(raw: RawEvent): Promise<boolean> {
    const { book, save, gauge } = this.#ports
    const unit = { items: [this.admit(raw) ?? { raw, events: undefined }], returned: () => {}, ends: [] }
    try {
      await this.#try(unit, 1)
    } catch (error) {
      gauge.failed++
      await save(book.note(raw, 'parked', error))
      return false
    }
    await this.#clear(unit)
    return true
  }

  /** Nothing when the handler has returned no promise. */
  #try(unit: Unit, attempt: number): Promise<void> | undefined {
    const { spec, handler, clock, gauge, signal } = this.#ports
    const events = unit.items.flatMap(({ raw, events }) => events ?? this.#shape(raw))
    const [first] = events
    if (first === undefined) {
      end(unit)
      return undefined
    }
    const began = clock.now()
    // Parts of one stored event are one try: it fails as a whole, and what they set is kept together.
    const isInParts = spec.batch === undefined && events.length > 1
    const shared = {}
    const context = new Context(this.#ports, first, attempt, shared, !isInParts)
    const done = (): void => {
      // What was set and that the event is handled are kept by one save.
      context.take()
      end(unit)
      gauge.handled(events.length, first.time, began)
    }
    if (spec.timeoutMs === undefined && spec.ack !== 'manual' && !isInParts) {
      const handled = handler.handle((spec.batch ? events : first) as never, context)
      if (isPromiseLike(handled)) return Promise.resolve(handled).then(done)
      done()
      return undefined
    }
    const { timeoutMs } = spec
    const parts = events.slice(1).map((event, at) => {
      const isLast = at === events.length - 2
      return [event, new Context(this.#ports, event, attempt, shared, isLast)] as const
    })
    const given = isInParts ? [[first, context] as const, ...parts] : [[spec.batch ? events : first, context] as const]
    return within((own) => this.#handAll(unit, given, own), { clock, timeoutMs, signal }).then(done)
  }

  /** Hands on one after the other, and waits for all to be acknowledged where that is asked for. */
  async #handAll(unit: Unit, given: readonly Given[], own: AbortSignal): Promise<void> {
    const { spec, handler } = this.#ports
    const acknowledged: Promise<void>[] = []
    for (const [event, context] of given) {
      context.during(own)
      if (spec.ack === 'manual') acknowledged.push(context.acknowledged())
      await handler.handle(event as never, context)
      if (own.aborted && event !== given.at(-1)?.[0]) throw own.reason
    }
    if (acknowledged.length === 0) return
    unit.returned()
    await Promise.all(acknowledged)
  }

  async #recovers(error: unknown, { items }: Unit, attempt: number): Promise<boolean> {
    const [, first] = (items[0] as Item).raw
    const context = new Context(this.#ports, first, attempt)
    return (await this.#ports.spec.onError.recover?.(error, context)) === true
  }

  /** Takes it for handled. */
  async #pass(unit: Unit): Promise<void> {
    end(unit)
    await this.#clear(unit)
  }

  /** Forgets the failures of what has gone well. */
  #clear({ items }: Unit): Promise<void> | undefined {
    const { book, save } = this.#ports
    const failed = book.size === 0 ? [] : items.filter(({ raw }) => book.has(positionOf(raw)))
    const forget = async (): Promise<void> => {
      for (const { raw } of failed) await save(book.forget(positionOf(raw)))
    }
    return failed.length === 0 ? undefined : forget()
  }

  async #giveUp(unit: Unit, error: unknown): Promise<void> {
    const { spec, book, save } = this.#ports
    const { giveUp } = spec.onError
    if (giveUp === 'stop') {
      for (const { raw } of unit.items) await save(book.note(raw, 'stopped', error)).catch(() => {})
      throw error
    }
    // Of a batch only those are given up that fail alone, too.
    if (unit.items.length > 1) await this.#each(unit)
    else if (giveUp === 'skip') await this.#pass(unit)
    else await this.#park(unit, 'parked', error)
  }

  async #each(unit: Unit): Promise<void> {
    for (const [at, item] of unit.items.entries())
      await this.handle({ ...unit, items: [item], ends: unit.ends.slice(at, at + 1) })
  }

  /** Where it can't be kept, the consumer stops with what went wrong first. */
  async #park(unit: Unit, status: 'parked' | 'held', error?: unknown): Promise<void> {
    const { book, save, gauge } = this.#ports
    try {
      for (const { raw } of unit.items) await save(book.note(raw, status, error))
      end(unit)
    } catch (storing) {
      throw error ?? storing
    }
    gauge.tell()
  }
}

const end = ({ ends }: Unit): void => {
  for (const each of ends) each()
}
