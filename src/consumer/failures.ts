import { messageOf } from '../core/errors.ts'
import { createCell, type Observable } from '../core/observable.ts'
import type { Clock } from '../core/ports.ts'
import { timeNow } from '../core/time.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import type { ConsumerPorts } from './ports.ts'
import { positionOf, type RawEvent } from './raw-event.ts'
import type { ConsumerFailure } from './types.ts'

/** What one consumer could not handle: one record for each event, however often it was tried. */
export class FailureBook {
  readonly shown: Observable<readonly ConsumerFailure[]>
  readonly #call: ConsumerPorts['call']
  readonly #clock: Clock
  readonly #name: string | undefined
  readonly #chain: string
  readonly #cell = createCell<readonly ConsumerFailure[]>([])
  #all = new Map<number, ConsumerFailure>()

  constructor({ call, clock }: Pick<ConsumerPorts, 'call' | 'clock'>, name: string | undefined) {
    this.#call = call
    this.#clock = clock
    this.#name = name
    this.#chain = failureChain(name ?? '')
    this.shown = this.#cell
  }

  async load(): Promise<void> {
    if (this.#name === undefined) return
    const rows = await this.#call((api) => api.listKept(this.#chain))
    this.#all = new Map(rows.map(({ n, value }) => [n, value as ConsumerFailure]))
    this.#show()
  }

  get size(): number {
    return this.#all.size
  }

  has(position: number): boolean {
    return this.#all.has(position)
  }

  /** Those that wait to be retried or discarded, in log order. */
  get waiting(): readonly ConsumerFailure[] {
    return this.#cell.get().filter(isWaiting)
  }

  /** Whether an event of the stream waits. */
  holds(stream: string): boolean {
    return this.waiting.some((failure) => failure.stream === stream)
  }

  /** Notes a try that failed, or an event that is held back without one. */
  note(raw: RawEvent, status: ConsumerFailure['status'], error?: unknown): KeptChanges {
    const position = positionOf(raw)
    const [{ stream, type }, { id: eventId }] = raw
    const now = timeNow(this.#clock)
    const before = this.#all.get(position)
    const failure: ConsumerFailure = {
      consumer: this.#name ?? '',
      eventId,
      position,
      stream,
      type,
      message: error === undefined ? (before?.message ?? 'an earlier event of the stream waits') : problemOf(error),
      status,
      first: before?.first ?? now,
      last: now,
      attempts: (before?.attempts ?? 0) + (error === undefined ? 0 : 1),
    }
    this.#all.set(position, failure)
    this.#show()
    return this.#name === undefined ? {} : { put: [{ chain: this.#chain, n: position, value: failure }] }
  }

  /** Forgets an event. */
  forget(position: number): KeptChanges {
    this.#all.delete(position)
    this.#show()
    return this.#name === undefined ? {} : { delete: [{ chain: this.#chain, from: position, to: position }] }
  }

  #show(): void {
    this.#cell.set([...this.#all.values()].sort((a, b) => a.position - b.position))
  }
}

const failureChain = (name: string): string => `failure/${encodeURIComponent(name)}/`

export const isWaiting = ({ status }: ConsumerFailure): boolean => ['parked', 'held', 'due'].includes(status)

/** The failures of a consumer that need not run here, or of all. */
export async function listFailures(
  { call }: Pick<ConsumerPorts, 'call'>,
  name?: string,
): Promise<readonly ConsumerFailure[]> {
  const rows = await call((api) => api.listKept(name === undefined ? 'failure/' : failureChain(name)))
  return rows.map(({ value }) => value as ConsumerFailure)
}

/** What is kept of an error. */
export const problemOf = (error: unknown): string => messageOf(error).slice(0, 1_000)

type Kept = Pick<ConsumerPorts, 'call'>
const waitingAt = async (ports: Kept, consumer: string, position: number | undefined) =>
  (await listFailures(ports, consumer)).filter(
    (failure) => isWaiting(failure) && (position === undefined || failure.position === position),
  )

/** Has the consumer, in whichever worker it runs, try again what waits; answers how many. */
export async function retryFailures(ports: Kept, consumer: string, position?: number): Promise<number> {
  const waiting = await waitingAt(ports, consumer, position)
  const chain = failureChain(consumer)
  const put = waiting.map((failure) => ({ chain, n: failure.position, value: { ...failure, status: 'due' } }))
  await ports.call((api) => api.keep({ put, isAnnounced: true }))
  return put.length
}

/** Forgets what waits; answers how many. */
export async function discardFailures(ports: Kept, consumer: string, position?: number): Promise<number> {
  const waiting = await waitingAt(ports, consumer, position)
  const chain = failureChain(consumer)
  const gone = waiting.map((failure) => ({ chain, from: failure.position, to: failure.position }))
  await ports.call((api) => api.keep({ delete: gone, isAnnounced: true }))
  return gone.length
}
