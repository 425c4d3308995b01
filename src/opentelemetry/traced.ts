import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Handler, HandlerContext } from '../consumer/types.ts'
import type { Metadata } from '../core/commit.ts'
import { isTidelogError, messageOf, mustBe, mustKnow } from '../core/errors.ts'
import { isPromiseLike } from '../core/guard.ts'
import { readTraceparent } from './traceparent.ts'

/** What a span tells of an event. */
interface TracedEvent {
  readonly type: string
  /** Of an event whose type this build does not know. */
  readonly originalType?: string
  readonly id: string
  readonly stream: string
  readonly position: number | undefined
  readonly metadata: Metadata
}
/** Options of {@link traced}. */
export interface TracedOptions {
  /** Name of the spans; `process` and the event's type by default, `process batch` for a batch. */
  readonly name?: string
}

type Handle<A> = (event: A, context: HandlerContext) => unknown

/**
 * A handler for `subscribe` that runs each try in a CONSUMER span: a child of the span that the event's `traceparent` names,
 * or for a batch linked with those of its events. What the handler throws is noted in the span and thrown again.
 */
// Functions and handlers apart: so a handler that is written in place gets the type of its events from `subscribe`.
export function traced<A>(tracer: Tracer, handler: Handle<A>, options?: TracedOptions): Handle<A>
export function traced<A>(tracer: Tracer, handler: Handler<A>, options?: TracedOptions): Handler<A>
export function traced<A>(
  tracer: Tracer,
  handler: Handle<A> | Handler<A>,
  options: TracedOptions = {},
): Handle<A> | Handler<A> {
  mustBe(typeof tracer?.startSpan === 'function', 'a tracer', tracer)
  mustKnow(options, 'name')
  if (typeof handler === 'function') return tracedHandle(tracer, handler, options)
  mustBe(typeof handler?.handle === 'function', 'a handler', handler)
  return {
    reset: () => handler.reset?.(),
    handle: tracedHandle(tracer, (given, tried) => handler.handle(given, tried), options),
    stop: () => handler.stop?.(),
  }
}

function tracedHandle<A>(tracer: Tracer, handle: Handle<A>, options: TracedOptions): Handle<A> {
  return (given, tried) => {
    const about = Array.isArray(given) ? aboutBatch(given) : aboutEvent(given as TracedEvent)
    const attributes = { ...about.attributes, 'tidelog.attempt': tried.attempt, 'tidelog.key': tried.key }
    const { name = about.name } = options
    const span = tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes, links: about.links }, about.parent)
    return runIn(span, about.parent, tried, () => handle(given, tried))
  }
}

interface About {
  readonly name: string
  readonly attributes: Attributes
  readonly links: Link[]
  readonly parent: Context
}

/** A span that happens to be active where events come in has nothing to do with them. */
const noParent = (): Context => trace.deleteSpan(context.active())

function aboutEvent(event: TracedEvent): About {
  const remote = readTraceparent(event.metadata.traceparent)
  const parent = remote ? trace.setSpanContext(context.active(), remote) : noParent()
  return { name: `process ${typeOf(event)}`, attributes: attributesOf(event), links: [], parent }
}

function aboutBatch(events: readonly TracedEvent[]): About {
  const links = events.flatMap((event): Link[] => {
    const remote = readTraceparent(event.metadata.traceparent)
    return remote ? [{ context: remote, attributes: attributesOf(event) }] : []
  })
  return { name: 'process batch', attributes: { 'tidelog.batch.events': events.length }, links, parent: noParent() }
}

const attributesOf = (event: TracedEvent): Attributes => ({
  'tidelog.event.type': typeOf(event),
  'tidelog.event.id': event.id,
  'tidelog.event.position': event.position,
  'tidelog.stream': event.stream,
})

/** Runs a handler while the span is active. The span ends with it, and at its timeout at the latest. */
function runIn(span: Span, parent: Context, { signal }: HandlerContext, handle: () => unknown): unknown {
  const fail = (error: unknown): void => {
    span.recordException(error instanceof Error ? error : String(error))
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
    span.end()
  }
  let handled: unknown
  try {
    handled = context.with(trace.setSpan(parent, span), handle)
  } catch (error) {
    fail(error)
    throw error
  }
  // Who answers no promise is handled in this very turn.
  if (isPromiseLike(handled)) return settle(span, handled, signal, fail)
  span.end()
  return handled
}

/** Settles as the handler does. A try that was given up before is over for the span, too, though its promise is not. */
async function settle(span: Span, handled: PromiseLike<unknown>, signal: AbortSignal, fail: (error: unknown) => void) {
  let isOver = false
  const once = (end: () => void): void => {
    if (!isOver) end()
    isOver = true
  }
  const abort = (): void => {
    if (isTidelogError(signal.reason, 'tidelog/timeout')) once(() => fail(signal.reason))
  }
  signal.addEventListener('abort', abort)
  try {
    const value = await handled
    once(() => span.end())
    return value
  } catch (error) {
    once(() => fail(error))
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const typeOf = ({ type, originalType = type }: TracedEvent): string => originalType
