import { context, isSpanContextValid, type SpanContext, trace } from '@opentelemetry/api'

// https://www.w3.org/TR/trace-context/#traceparent-header: later versions may append fields, the first may not.
const pattern = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The remote context that a W3C `traceparent` names; nothing for what is none. */
export function readTraceparent(traceparent: string | undefined): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = pattern.exec(traceparent ?? '') ?? []
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  return isSpanContextValid(found) && !(version === '00' && rest !== undefined) ? found : undefined
}

/**
 * Metadata for an append: the W3C `traceparent` of the active span; nothing where none is active. Call it before the first
 * `await` where no context manager follows promises.
 */
export function traceMetadata(): { readonly traceparent?: string } {
  const active = trace.getSpanContext(context.active())
  if (active === undefined || !isSpanContextValid(active)) return {}
  const flags = (active.traceFlags & 0xff).toString(16).padStart(2, '0')
  return { traceparent: `00-${active.traceId}-${active.spanId}-${flags}` }
}
