import { mustBe, mustKnow } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isCount, isText } from '../core/guard.ts'
import { matcherOf } from '../core/lifecycle.ts'
import { pageEventsMax } from '../core/limits.ts'
import { type AnyQuery, scopeToSelectors } from '../core/queries.ts'
import { matches, type Selectable, type Selector } from '../core/query.ts'
import { widen } from '../core/widen.ts'
import type { AnyScope } from '../protocol/worker.ts'
import type { RawEvent } from './raw-event.ts'
import { type Shard, shardOf } from './shard.ts'
import type { CheckpointStore, ConsumerOptions, ErrorPolicy } from './types.ts'

const known =
  'name from to stream query pending filter unknown lagMs concurrency batch ack shard onError timeoutMs bufferMax checkpoint whenTaken alerts signal'
const minuteMs = 60_000

export type AnyConsumerOptions = ConsumerOptions & { readonly query?: AnyQuery | undefined }

/** A subscription that makes sense, with all that it did not say. */
export interface ConsumerSpec
  extends Omit<AnyConsumerOptions, 'onError' | 'checkpoint' | 'alerts' | 'filter' | 'from' | 'shard'> {
  readonly from: 'start' | 'head' | number
  /** The database of the marker that it begins behind. */
  readonly fromDatabase: string | undefined
  readonly onError: Required<Omit<ErrorPolicy, 'recover'>> & { readonly recover: ErrorPolicy['recover'] | undefined }
  readonly checkpoint: { readonly events: number; readonly ms: number; readonly store?: CheckpointStore | undefined }
  readonly lagAlertMs: number
  readonly inactiveAlertMs: number
  readonly concurrency: number
  readonly bufferMax: number
  /** More may wait while the handler is faster than the log. */
  readonly isElastic: boolean
  readonly filter?: ((event: unknown) => boolean) | undefined
  readonly shard?: Shard | undefined
  /** What the worker is asked for. */
  readonly scope: AnyScope
  /** Whether an event that was handed round is wanted, as it is stored. */
  readonly wants: (raw: RawEvent) => boolean
  /** Whether what has become of one was asked for. */
  readonly isAsked: (event: Selectable) => boolean
}

/** Reads the options of a subscription. Throws `tidelog/argument` for what makes no sense. */
export function readConsumerOptions(options: AnyConsumerOptions, definitions: EventMap): ConsumerSpec {
  mustKnow(options, known)
  const { name, to, ack, unknown, whenTaken, batch, filter, signal, shard } = options
  mustBe(name === undefined || isText(name, 64), 'a name', name)
  mustBe(to === undefined || to === 'head', 'to', to)
  mustBe(ack === undefined || ack === 'auto' || ack === 'manual', 'ack', ack)
  mustBe(unknown === undefined || unknown === 'skip' || unknown === 'yield', 'unknown', unknown)
  mustBe(whenTaken === undefined || whenTaken === 'wait' || whenTaken === 'fail', 'whenTaken', whenTaken)
  mustBe(filter === undefined || typeof filter === 'function', 'filter', filter)
  mustBe(signal === undefined || signal instanceof AbortSignal, 'signal', signal)
  const { concurrency = 1, bufferMax = 100, lagMs, timeoutMs, checkpoint = {} } = options
  for (const [what, value, least] of [
    ['concurrency', concurrency, 1],
    ['bufferMax', bufferMax, 1],
    ['lagMs', lagMs ?? 0, 0],
    ['timeoutMs', timeoutMs ?? 1, 1],
    ['batch.events', batch?.events ?? 1, 1],
    ['batch.ms', batch?.ms ?? 0, 0],
    ['checkpoint.events', checkpoint.events ?? 1, 1],
    ['checkpoint.ms', checkpoint.ms ?? 0, 0],
  ] as const)
    mustBe(isCount(value, least), what, value)
  mustBe(batch === undefined || ack !== 'manual', 'ack', 'manual with batches')
  mustBe(bufferMax <= pageEventsMax, 'bufferMax', bufferMax)
  return {
    ...options,
    concurrency,
    bufferMax: Math.max(bufferMax, batch?.events ?? 1),
    isElastic: options.bufferMax === undefined,
    ...readFrom(options.from),
    onError: readPolicy(options),
    checkpoint: { events: 1_000, ms: 250, ...checkpoint },
    ...readAlerts(options.alerts),
    ...readScope(options, definitions),
    filter: filter as ConsumerSpec['filter'],
    shard: shard && shardOf(shard),
  }
}

function readFrom(from: ConsumerOptions['from'] = 'start'): Pick<ConsumerSpec, 'from' | 'fromDatabase'> {
  if (from === 'start' || from === 'head') return { from, fromDatabase: undefined }
  const { confirmed, database } = typeof from === 'number' ? { confirmed: from, database: undefined } : (from ?? {})
  mustBe(isCount(confirmed), 'from', from)
  return { from: confirmed, fromDatabase: database }
}

function readPolicy({ onError = {}, name, checkpoint }: ConsumerOptions): ConsumerSpec['onError'] {
  mustKnow(onError, 'retry retryMs retryMsMax giveUp recover holdStream')
  const { retry = 0, retryMs = 125, retryMsMax = 60_000, giveUp = 'stop', recover, holdStream = false } = onError
  for (const [what, value] of Object.entries({ retry, retryMs, retryMsMax })) mustBe(isCount(value), what, value)
  mustBe(['stop', 'park', 'skip'].includes(giveUp), 'onError.giveUp', giveUp)
  mustBe(recover === undefined || typeof recover === 'function', 'onError.recover', recover)
  mustBe(giveUp !== 'park' || name !== undefined, 'onError.giveUp', 'park without a name')
  mustBe(checkpoint === undefined || name !== undefined, 'checkpoint', 'without a name')
  mustBe(!holdStream || giveUp === 'park', 'holdStream', 'without park')
  return { retry, retryMs, retryMsMax, giveUp, recover, holdStream }
}

function readAlerts(alerts: ConsumerOptions['alerts'] = {}): Pick<ConsumerSpec, 'lagAlertMs' | 'inactiveAlertMs'> {
  const { lagMs = 30 * minuteMs, inactiveMs = 24 * 60 * minuteMs } = alerts || { lagMs: false, inactiveMs: false }
  const toMs = (ms: number | false): number => (ms === false ? Infinity : ms)
  mustBe(lagMs === false || isCount(lagMs), 'alerts.lagMs', lagMs)
  mustBe(inactiveMs === false || isCount(inactiveMs), 'alerts.inactiveMs', inactiveMs)
  return { lagAlertMs: toMs(lagMs), inactiveAlertMs: toMs(inactiveMs) }
}

/** A pattern is told by its star; the worker has no index for it, so it is asked for everything. */
function readScope(
  { stream, query }: AnyConsumerOptions,
  definitions: EventMap,
): Pick<ConsumerSpec, 'scope' | 'wants' | 'isAsked'> {
  const isPattern = stream?.includes('*') === true
  const { scope, isAsked } = widen<AnyScope>(definitions, { stream: isPattern ? undefined : stream, query })
  const selectors: readonly Selector[] = scopeToSelectors(scope)
  const isOfPattern = isPattern ? matcherOf(stream) : undefined
  return {
    scope,
    isAsked,
    wants: ([stored]) => matches(selectors, stored) && (isOfPattern === undefined || isOfPattern(stored.stream)),
  }
}
