import { createListeners, type Observable } from '../core/observable.ts'
import type { Clock } from '../core/ports.ts'
import type { FailureBook } from './failures.ts'
import type { Hub } from './hub.ts'
import type { ConsumerSpec } from './options.ts'
import type { ConsumerStatus } from './types.ts'

/** Lags and alerts change with time alone. */
const staleMs = 1_000

/** What a consumer counts. Snapshots of it are made when somebody looks. */
export class Gauge implements Observable<ConsumerStatus> {
  state: ConsumerStatus['state'] = 'starting'
  position = 0
  checkpoint = 0
  skipped = 0
  failed = 0
  active = 0
  hasFailed = false
  /** Time of the event that was begun when nothing else was being handled. */
  nextTime: string | undefined
  #processed = 0
  #handlerMs = 0
  #lastAt: number | undefined
  /** Time of the event that was handled last. */
  #lastTime: string | undefined
  readonly #since: number
  readonly #clock: Clock
  readonly #hub: Hub
  readonly #spec: ConsumerSpec
  readonly #book: FailureBook
  readonly #listeners = createListeners<[]>()
  #shown: ConsumerStatus | undefined
  #shownAt = 0

  constructor(hub: Hub, spec: ConsumerSpec, book: FailureBook) {
    this.#hub = hub
    this.#spec = spec
    this.#book = book
    this.#clock = hub.ports.clock
    this.#since = this.#clock.now()
  }

  handled(count: number, time: string, began: number): void {
    const now = this.#clock.now()
    this.#processed += count
    this.#lastAt = now
    this.#lastTime = time
    this.#handlerMs = now - began
  }

  /** Something has changed; who watches is told now and then. */
  touch(): void {
    this.#shown = undefined
  }

  readonly tell = (): void => {
    this.touch()
    this.#listeners.tell()
  }

  readonly subscribe = (onChange: () => void): (() => void) => this.#listeners.add(onChange)

  /** The same until something changes, or some time has passed. */
  readonly get = (): ConsumerStatus => {
    const now = this.#clock.now()
    if (this.#shown === undefined || now - this.#shownAt >= staleMs) {
      this.#shown = this.#snapshot(now)
      this.#shownAt = now
    }
    return this.#shown
  }

  #snapshot(now: number): ConsumerStatus {
    const { position, state } = this
    const lastTime = this.#lastTime === undefined ? undefined : Date.parse(this.#lastTime)
    const totalMs = Math.max(0, (this.#lastAt ?? now) - (lastTime ?? now))
    const latency = lastTime === undefined ? undefined : { handlerMs: this.#handlerMs, totalMs }
    const events = state === 'starting' ? 0 : Math.max(0, this.#hub.head - position)
    const nextTime = this.nextTime === undefined ? this.#since : Date.parse(this.nextTime)
    const ms = events === 0 ? 0 : Math.max(0, now - Math.max(lastTime ?? 0, nextTime))
    const parked = this.#book.waiting.length
    const alerts: ConsumerStatus['alerts'][number][] = []
    if (ms > this.#spec.lagAlertMs) alerts.push('lag')
    if (now - (this.#lastAt ?? this.#since) > this.#spec.inactiveAlertMs) alerts.push('inactive')
    if (parked > 0) alerts.push('parked')
    if (this.hasFailed) alerts.push('failed')
    return {
      name: this.#spec.name,
      state,
      position,
      checkpoint: this.checkpoint,
      lag: { events, ms },
      processed: this.#processed,
      skipped: this.skipped,
      failed: this.failed,
      parked,
      active: this.active,
      latency,
      lastAt: this.#lastAt,
      alerts,
    }
  }
}
