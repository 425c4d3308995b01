/** The sync server, for any runtime with Web standards: nothing here needs Node. */
export type { ListedSegment } from '../src/protocol/sync.ts'
export { type Client, createSyncHandler, type SyncHandler } from './handler.ts'
export { memoryStore } from './memory-store.ts'
export type {
  AppendEvent,
  Observe,
  PushEvent,
  RequestEvent,
  StoreCallEvent,
  SyncEvent,
  WaitEvent,
  WakeEvent,
} from './observe.ts'
export {
  type Action,
  type Actor,
  type Cors,
  defaultLimits,
  type Permission,
  type ServeConfig,
  type SyncHandlerOptions,
  type SyncLimits,
} from './options.ts'
export { isNextSegment, mustFollow, type Placeable, sequence } from './sequence.ts'
export type { LogStore, RangeLimits, SegmentStore, SequencedCommit } from './store.ts'
export { isStoreError, StoreError, type StoreFailure } from './store-error.ts'
export type { StoreCall } from './wrap-store.ts'
