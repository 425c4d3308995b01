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

/** An event on its way to the handler; without a shape while it could not be given one. */
export interface Item {
  readonly raw: RawEvent
  readonly event: AnyEvent | undefined
}
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
      const event = this.#shape(raw)
      return event && { raw, event }
    } catch {
      return { raw, event: undefined }
    }
  }

  /** The event, if it is wanted. Throws `tidelog/data` where it can't be decoded, and `tidelog/filter`. */
  #shape(raw: RawEvent): AnyEvent | undefined {
    const { spec, definitions } = this.#ports
    const { shard } = spec
    if (shard?.isStored && !fallsTo(shard, raw[0])) return undefined
    const event = decodeRaw(definitions, raw)
    if (event.type === '$unknown' && spec.unknown !== 'yield') return undefined
    try {
      if (shard?.isStored === false && !fallsTo(shard, event)) return undefined
      return spec.filter === undefined || spec.filter(event) ? event : undefined
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
    const unit = { items: [this.admit(raw) ?? { raw, event: undefined }], returned: () => {}, ends: [] }
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
    const events = unit.items.flatMap(({ raw, event }) => event ?? this.#shape(raw) ?? [])
    const [first] = events
    if (first === undefined) {
      end(unit)
      return undefined
    }
    const began = clock.now()
    const given = (spec.batch ? events : first) as never
    const context = new Context(this.#ports, first, attempt)
    const done = (): void => {
      // What was set and that the event is handled are kept by one save.
      context.take()
      end(unit)
      gauge.handled(events.length, first.time, began)
    }
    if (spec.timeoutMs === undefined && spec.ack !== 'manual') {
      const handled = handler.handle(given, context)
      if (isPromiseLike(handled)) return Promise.resolve(handled).then(done)
      done()
      return undefined
    }
    const { timeoutMs } = spec
    const handled = within((own) => this.#acknowledged(unit, given, context.during(own)), { clock, timeoutMs, signal })
    return handled.then(done)
  }

  async #acknowledged(unit: Unit, given: never, context: Context): Promise<void> {
    const { spec, handler } = this.#ports
    const acknowledged = spec.ack === 'manual' ? context.acknowledged() : undefined
    await handler.handle(given, context)
    if (acknowledged === undefined) return
    unit.returned()
    await acknowledged
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
