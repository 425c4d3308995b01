// Traces and metrics by the SDKs of OpenTelemetry, over simulated devices.
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type ContextManager,
  context,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { isTidelogError, unwrap } from 'tidelog'
import { meterConsumers, traced, traceMetadata } from 'tidelog/opentelemetry'
import { consumersOf, type Subscription, subscribe } from 'tidelog/subscribe'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { events, shop } from './types/shop.ts'

const added = (itemId: string) => events.ItemAdded({ cartId: 'c', itemId, productId: 'p', price: 1 })
const any = { query: { types: ['ItemAdded'] } } as const
const openWorld = () => simulate(shop, { devices: 2 })
let world: ReturnType<typeof openWorld>

/** Resolves when it is so; lets time pass meanwhile. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > 2_000) throw new Error('what is waited for did not come')
    await new Promise((resolve) => setTimeout(resolve, 0))
    if (turns % 20 === 19) world.clock.step()
  }
}

/** Follows promises, as the context managers for Node and for zones do. */
class AsyncContexts implements ContextManager {
  readonly #contexts = new AsyncLocalStorage<Context>()
  active = (): Context => this.#contexts.getStore() ?? ROOT_CONTEXT
  with: ContextManager['with'] = (own, run, self, ...args) =>
    this.#contexts.run(own, () => run.call(self as never, ...args))
  bind: ContextManager['bind'] = (_own, target) => target
  enable = (): this => this
  disable = (): this => this
}

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('test')
const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name)

beforeEach(async () => {
  context.setGlobalContextManager(new AsyncContexts())
  world = openWorld()
  await world.settle()
})
afterEach(async () => {
  await world.close()
  context.disable()
  exporter.reset()
})

/** Appends in a span and answers it. */
async function appendIn(name: string, ...items: readonly string[]): Promise<ReadableSpan> {
  await tracer.startActiveSpan(name, async (span) => {
    unwrap(await world.devices[0].log.append(items.map(added), { metadata: traceMetadata() }))
    span.end()
  })
  return spans(name)[0] as ReadableSpan
}

describe('a traced handler', () => {
  test('RX-13 a trace goes from an append through the log into the handler’s span on another device', async () => {
    const [ann, bob] = world.devices
    const seen: unknown[] = []
    subscribe(
      bob.log,
      { ...any, name: 'n' },
      traced(tracer, async ({ data, metadata }, { key }) => {
        await Promise.resolve()
        seen.push(data.itemId, metadata.traceparent, key, trace.getActiveSpan()?.spanContext().spanId)
      }),
    )
    const cause = await appendIn('add to cart', '1')
    await world.settle()
    await until(() => spans('process ItemAdded').length === 1)
    const [span] = spans('process ItemAdded') as [ReadableSpan]
    const { traceId, spanId } = cause.spanContext()
    expect(span.spanContext().traceId).toBe(traceId)
    expect(span.parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true })
    expect(span).toMatchObject({ kind: SpanKind.CONSUMER, ended: true, status: { code: SpanStatusCode.UNSET } })
    const [event] = (await ann.log.read().all()).events
    expect(span.attributes).toEqual({
      'tidelog.event.type': 'ItemAdded',
      'tidelog.event.id': event?.id,
      'tidelog.event.position': 1,
      'tidelog.stream': 'cart-c',
      'tidelog.attempt': 1,
      'tidelog.key': `n/${event?.id}`,
    })
    expect(seen).toEqual(['1', `00-${traceId}-${spanId}-01`, `n/${event?.id}`, span.spanContext().spanId])
  })

  test('RX-13 what a handler appends belongs to its span', async () => {
    const [, { log }] = world.devices
    const clear = traced(tracer, async () => {
      unwrap(await log.append([events.CartCleared({ cartId: 'c' })], { metadata: traceMetadata() }))
    })
    subscribe(log, any, clear)
    subscribe(
      world.devices[0].log,
      { query: { types: ['CartCleared'] } },
      traced(tracer, () => {}),
    )
    const cause = await appendIn('add to cart', '1')
    await world.settle()
    await until(() => spans('process ItemAdded').length === 1)
    await world.settle()
    await until(() => spans('process CartCleared').length === 1)
    const [handled, followed] = [...spans('process ItemAdded'), ...spans('process CartCleared')]
    expect(followed?.parentSpanContext?.spanId).toBe(handled?.spanContext().spanId)
    expect(followed?.spanContext().traceId).toBe(cause.spanContext().traceId)
  })

  test('RX-13 an event without a trace, or with one that is none, begins a trace of its own', async () => {
    const { log } = world.devices[0]
    const [trace1, span1] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
    const given = [
      undefined,
      'nonsense',
      `00-${'0'.repeat(32)}-${span1}-01`,
      `00-${trace1}-${'0'.repeat(16)}-01`,
      `ff-${trace1}-${span1}-01`,
      `00-${trace1}-${span1}-01-more`,
      `01-${trace1}-${span1}-01-more`,
      `00-${trace1}-${span1}-01`,
    ]
    // A span that is active where the subscription began is no parent.
    const active = tracer.startSpan('unrelated')
    context.with(trace.setSpan(ROOT_CONTEXT, active), () =>
      subscribe(
        log,
        any,
        traced(tracer, () => {}, { name: 'mine' }),
      ),
    )
    for (const traceparent of given)
      unwrap(await log.append([added('1')], traceparent === undefined ? {} : { metadata: { traceparent } }))
    await world.settle()
    await until(() => spans('mine').length === given.length)
    const parents = spans('mine').map((span) => span.parentSpanContext?.spanId)
    expect(parents).toEqual([...Array.from({ length: 6 }, () => undefined), span1, span1])
  })

  test('RX-13 a trace that is not sampled stays so', async () => {
    const { log } = world.devices[0]
    let handled = 0
    subscribe(
      log,
      any,
      traced(tracer, () => void handled++),
    )
    const metadata = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' }
    unwrap(await log.append([added('1')], { metadata }))
    await world.settle()
    await until(() => handled === 1)
    expect(exporter.getFinishedSpans()).toEqual([])
  })

  test('RX-13 the span of a batch is linked with the traces of its events', async () => {
    const [, { log }] = world.devices
    const causes = [await appendIn('first', '1'), await appendIn('second', '2', '3')]
    const metadata = { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }
    unwrap(await world.devices[0].log.append([added('4')], { metadata }))
    await world.settle()
    const got: string[][] = []
    const options = { ...any, batch: { events: 10 } }
    subscribe(
      log,
      options,
      traced(tracer, (batch) => void got.push(batch.map((event) => event.data.itemId))),
    )
    await until(() => spans('process batch').length === 1)
    expect(got).toEqual([['1', '2', '3', '4']])
    const [span] = spans('process batch')
    const [first, second] = causes.map((cause) => cause.spanContext().spanId)
    expect(span?.parentSpanContext).toBeUndefined()
    expect(span?.links.map((link) => [link.context.spanId, link.attributes?.['tidelog.event.position']])).toEqual([
      [first, 1],
      [second, 2],
      [second, 3],
    ])
    expect(span?.attributes).toMatchObject({ 'tidelog.batch.events': 4, 'tidelog.attempt': 1 })
  })

  test('RX-13 the span of a try that fails is an error, and the policy decides what follows', async () => {
    const { log } = world.devices[0]
    const handled: string[] = []
    const handle = ({ data }: { data: { itemId: string } }): Promise<void> | undefined => {
      if (data.itemId === '1') throw new Error('at once')
      if (data.itemId === '2') return Promise.reject('later')
      handled.push(data.itemId)
      return undefined
    }
    const onError = { retry: 1, retryMs: 1, giveUp: 'park' } as const
    const run = subscribe(log, { ...any, name: 'n', onError }, traced(tracer, handle))
    const cause = await appendIn('add to cart', '1', '2', '3')
    await world.settle()
    await until(() => handled.length === 1)
    expect(handled).toEqual(['3'])
    expect(run.failures.get()).toMatchObject([
      { position: 1, status: 'parked', attempts: 2, message: expect.stringContaining('at once') },
      { position: 2, status: 'parked', attempts: 2, message: expect.stringContaining('later') },
    ])
    const told = spans('process ItemAdded').map(({ attributes, status, events: [noted] }) => [
      attributes['tidelog.event.position'],
      attributes['tidelog.attempt'],
      status.code,
      status.message,
      noted?.attributes?.['exception.message'],
    ])
    const { ERROR, UNSET } = SpanStatusCode
    expect(told).toEqual([
      [1, 1, ERROR, 'at once', 'at once'],
      [1, 2, ERROR, 'at once', 'at once'],
      [2, 1, ERROR, 'later', 'later'],
      [2, 2, ERROR, 'later', 'later'],
      [3, 1, UNSET, undefined, undefined],
    ])
    for (const span of spans('process ItemAdded')) expect(span.spanContext().traceId).toBe(cause.spanContext().traceId)
  })

  test('RX-13 the span of a handler that hangs ends with its timeout, once', async () => {
    const { log } = world.devices[0]
    let settle = () => {}
    const hang = traced(tracer, () => new Promise<void>((resolve) => (settle = resolve)))
    const run = subscribe(log, { ...any, timeoutMs: 500 }, hang)
    unwrap(await log.append([added('1')]))
    await world.settle()
    await until(() => spans('process ItemAdded').length === 1)
    expect(spans('process ItemAdded')[0]?.status.code).toBe(SpanStatusCode.ERROR)
    const end = await run.ended
    expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/timeout')).toBe(true)
    // The SDK complains of a span that ends again.
    const complain = vi.fn()
    diag.setLogger({ verbose: complain, debug: complain, info: complain, warn: complain, error: complain })
    complain.mockClear()
    settle()
    await new Promise((resolve) => setTimeout(resolve, 0))
    diag.disable()
    expect(complain).not.toHaveBeenCalled()
    expect(spans('process ItemAdded')).toHaveLength(1)
  })

  test('RX-13 the span of a handler that ends in peace after an abort is no error', async () => {
    const { log } = world.devices[0]
    const stop = new AbortController()
    const removed: string[] = []
    const handle = traced(tracer, async (_event: unknown, { signal }) => {
      vi.spyOn(signal, 'removeEventListener').mockImplementation((name) => void removed.push(name))
      await Promise.resolve()
      stop.abort()
      await new Promise((resolve) => setTimeout(resolve, 0))
      expect(signal.aborted).toBe(true)
    })
    const run = subscribe(log, { signal: stop.signal }, handle)
    unwrap(await log.append([added('1')]))
    await world.settle()
    expect(await run.ended).toEqual({ reason: 'aborted' })
    expect(spans('process ItemAdded').map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET])
    expect(removed).toEqual(['abort'])
  })

  test('RX-13 a handler with a beginning and an end keeps both, and its `this`', async () => {
    class Handles {
      readonly told: string[] = []
      reset() {
        this.told.push('reset')
      }
      handle({ type }: { type: string }) {
        this.told.push(type)
      }
      stop() {
        this.told.push('stop')
      }
    }
    const own = new Handles()
    const { log } = world.devices[0]
    unwrap(await log.append([added('1')]))
    await world.settle()
    const run = subscribe(log, { ...any, to: 'head' }, traced(tracer, own))
    await until(() => run.status.get().state === 'ended')
    expect(own.told).toEqual(['reset', 'ItemAdded', 'stop'])
  })

  test('RX-13 without an active span there is no metadata, and what is no handler is refused', () => {
    expect(traceMetadata()).toEqual({})
    for (const misuse of [
      () => traced(tracer, {} as never),
      () => traced({} as never, () => {}),
      () => traced(tracer, () => {}, { nmae: 'x' } as never),
      () => meterConsumers({} as never, world.devices[0].log),
      () => meterConsumers(new MeterProvider().getMeter('test'), {} as never),
    ])
      expect(misuse).toThrow(expect.objectContaining({ code: 'tidelog/argument' }))
  })
})

/** A meter, and what it reports: values by `metric of consumer`. */
function openMeter() {
  const exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  const collect = async (): Promise<Record<string, number>> => {
    exported.reset()
    await reader.forceFlush()
    const metrics = exported.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    const points = metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => {
        const name = descriptor.name.replace('tidelog.consumer.', '')
        return [`${name} of ${attributes['tidelog.consumer'] ?? '-'}`, value as number] as const
      }),
    )
    return Object.fromEntries(points)
  }
  return { meter: meters.getMeter('test'), collect, close: () => meters.shutdown() }
}

describe('the meter of consumers', () => {
  let own: ReturnType<typeof openMeter>
  beforeEach(() => {
    own = openMeter()
  })
  afterEach(() => own.close())

  const append = async (...items: readonly string[]): Promise<void> => {
    unwrap(await world.devices[0].log.append(items.map(added)))
    await world.settle()
  }
  const idle = { 'lag of n': 0, 'lag.time of n': 0, 'parked of n': 0, 'active of n': 0 }
  const isAt = (run: Subscription, position: number) => (): boolean => run.status.get().position === position

  test('RX-14 reports the lag and the counts of every consumer of the tab', async () => {
    const { log } = world.devices[0]
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const onError = { retry: 1, retryMs: 1, giveUp: 'park' } as const
    const filter = ({ position }: { position: number | undefined }): boolean => position !== 1
    subscribe(log, { name: 'slow', onError, filter }, ({ position }) => {
      if (position === 2) throw new Error('no')
      if (position === 4) return held
      return undefined
    })
    const fast = subscribe(log, {}, () => {})
    const end = meterConsumers(own.meter, log)
    await append('1', '2', '3', '4', '5', '6')
    await until(() => consumersOf(log).get()[0]?.active === 1)
    await until(isAt(fast, 6))
    const [slow] = consumersOf(log).get()
    const lagMs = slow?.lag.ms ?? 0
    expect(lagMs).toBeGreaterThan(0)
    expect(await own.collect()).toEqual({
      'lag of slow': 3,
      'lag.time of slow': lagMs,
      'processed of slow': 1,
      'skipped of slow': 1,
      'failed of slow': 2,
      'parked of slow': 1,
      'active of slow': 1,
      'lag of -': 0,
      'lag.time of -': 0,
      'processed of -': 6,
      'skipped of -': 0,
      'failed of -': 0,
      'parked of -': 0,
      'active of -': 0,
    })
    release()
    await until(() => consumersOf(log).get()[0]?.position === 6)
    expect(await own.collect()).toMatchObject({ 'lag of slow': 0, 'lag.time of slow': 0, 'processed of slow': 4 })
    end()
    const last = await own.collect()
    await append('7')
    await until(isAt(fast, 7))
    expect(await own.collect()).toEqual(last)
  })

  test('RX-14 what a consumer counted stays counted when it ends and begins again', async () => {
    const { log } = world.devices[0]
    meterConsumers(own.meter, log)
    const start = () =>
      subscribe(log, { name: 'n' }, ({ position }) => {
        if (position === 2) throw new Error('no')
      })
    await append('1', '2')
    await start().ended
    const ended = { 'processed of n': 1, 'skipped of n': 0, 'failed of n': 1 }
    expect(await own.collect()).toEqual({ ...idle, ...ended })
    expect((await start().ended).reason).toBe('failed')
    expect(await own.collect()).toEqual({ ...idle, ...ended, 'failed of n': 2 })
  })

  test('RX-14 a consumer that another tab runs has no lag in this one', async () => {
    const [device] = world.devices
    const run = subscribe(device.log, { name: 'n' }, () => {})
    await append('1', '2')
    await until(isAt(run, 2))
    const tab = device.openTab()
    meterConsumers(own.meter, tab)
    const waits = subscribe(tab, { name: 'n' }, () => {})
    await until(() => waits.status.get().state === 'waiting')
    // Tells this tab, too, how long the log is.
    const other = subscribe(tab, {}, () => {})
    await append('3')
    await until(isAt(other, 3))
    await until(() => waits.status.get().lag.events === 3)
    expect(await own.collect()).toMatchObject({ ...idle, 'processed of n': 0, 'skipped of n': 0, 'failed of n': 0 })
  })

  test('RX-14 consumers of one name are taken together', async () => {
    const { log } = world.devices[0]
    meterConsumers(own.meter, log)
    const runs = [0, 1].map(() => subscribe(log, {}, () => {}))
    await append('1', '2', '3')
    for (const run of runs) await until(isAt(run, 3))
    expect(await own.collect()).toMatchObject({ 'processed of -': 6, 'lag of -': 0 })
  })
})
