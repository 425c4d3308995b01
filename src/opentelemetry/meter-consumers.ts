import type { Attributes, BatchObservableResult, Observable as Instrument, Meter } from '@opentelemetry/api'
import type { AnyLog } from '../client/inside.ts'
import type { ConsumerStatus } from '../consumer/types.ts'
import { mustBe } from '../core/errors.ts'
import type { Observable } from '../core/observable.ts'
import { hubOf } from '../subscribe/hub-of.ts'

type Gauge = Observable<ConsumerStatus>
/** What only grows. */
interface Counts {
  readonly processed: number
  readonly skipped: number
  readonly failed: number
}
/** What a name reports; consumers of one name, such as shards, are taken together. */
interface Sums extends Counts {
  /** Those that this tab runs. */
  readonly running: readonly ConsumerStatus[]
}
const none: Sums = { processed: 0, skipped: 0, failed: 0, running: [] }

/**
 * Reports how the subscriptions of a log in this tab are doing, by `tidelog.consumer`, their name: gauges of their lag and of
 * what is parked and active, 0 where another tab runs them; counters of events processed and skipped, and of failed tries.
 * The answer ends it.
 */
export function meterConsumers(meter: Meter, log: AnyLog): () => void {
  mustBe(typeof meter?.addBatchObservableCallback === 'function', 'a meter', meter)
  const { consumers } = hubOf(log)
  const past = new Map<string | undefined, Sums>()
  let present: readonly Gauge[] = consumers.get()
  // What has ended stays counted: a counter must not fall when a subscription begins again.
  const keepEnded = (): void => {
    const now = consumers.get()
    for (const gauge of present) if (!now.includes(gauge)) add(past, gauge.get())
    present = now
  }
  // It leaves the others before it says its last.
  const stop = consumers.subscribe(() => queueMicrotask(keepEnded))
  const instruments = instrumentsOf(meter)
  const observe = (result: BatchObservableResult): void => {
    keepEnded()
    const sums = new Map(past)
    for (const gauge of present) add(sums, gauge.get())
    for (const [name, sum] of sums)
      for (const [instrument, read] of instruments) result.observe(instrument, read(sum), attributesOf(name))
  }
  const observed = instruments.map(([instrument]) => instrument)
  meter.addBatchObservableCallback(observe, observed)
  return () => {
    meter.removeBatchObservableCallback(observe, observed)
    stop()
  }
}

type Reported = readonly [instrument: Instrument, read: (sums: Sums) => number]

function instrumentsOf(meter: Meter): readonly Reported[] {
  const counter = (name: keyof Counts, unit: string, description: string): Reported => [
    meter.createObservableCounter(`tidelog.consumer.${name}`, { unit, description }),
    (sums) => sums[name],
  ]
  const gauge = (
    name: string,
    unit: string,
    description: string,
    read: (running: Sums['running']) => number,
  ): Reported => [
    meter.createObservableGauge(`tidelog.consumer.${name}`, { unit, description }),
    ({ running }) => read(running),
  ]
  const most = (values: readonly number[]): number => Math.max(0, ...values)
  return [
    gauge('lag', '{event}', 'Events behind the head of the log', (all) => most(all.map(({ lag }) => lag.events))),
    gauge('lag.time', 'ms', 'Time behind the head of the log', (all) => most(all.map(({ lag }) => lag.ms))),
    counter('processed', '{event}', 'Events that were handled'),
    counter('skipped', '{event}', 'Events that were passed over'),
    counter('failed', '{try}', 'Tries that failed'),
    gauge('parked', '{event}', 'Events that wait to be retried or discarded', (all) =>
      most(all.map(({ parked }) => parked)),
    ),
    gauge('active', '{event}', 'Events that are being handled', (all) =>
      all.reduce((sum, { active }) => sum + active, 0),
    ),
  ]
}

function add(sums: Map<string | undefined, Sums>, status: ConsumerStatus): void {
  const { processed, skipped, failed, running } = sums.get(status.name) ?? none
  sums.set(status.name, {
    processed: processed + status.processed,
    skipped: skipped + status.skipped,
    failed: failed + status.failed,
    running: runsHere(status) ? [...running, status] : running,
  })
}

/** The tab that runs a consumer knows where it is. The others say 0: the SDK repeats the last value of a silent gauge. */
const runsHere = ({ state }: ConsumerStatus): boolean => !['waiting', 'suspended', 'ended'].includes(state)

const attributesOf = (name: string | undefined): Attributes => (name === undefined ? {} : { 'tidelog.consumer': name })
