export { closeStream, eraseStream, type LifecycleOptions, type LifecycleOutcome } from './append-own.ts'
export { type ErasureRecord, isClosed, listErasures, whenErased } from './erasures.ts'
