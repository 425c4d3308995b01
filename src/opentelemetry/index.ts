export { meterConsumers } from './meter-consumers.ts'
export { type TracedOptions, traced } from './traced.ts'
export { traceMetadata } from './traceparent.ts'
