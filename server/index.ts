/** The sync server, for any runtime with Web standards: nothing here needs Node. */
export { createSyncHandler, type SyncHandler } from './handler.ts'
export { memoryStore } from './memory-store.ts'
export { type Action, type Actor, defaultLimits, type SyncHandlerOptions, type SyncLimits } from './options.ts'
export { mustFollow, type Placeable, sequence } from './sequence.ts'
export type { LogStore, RangeLimits, SequencedCommit } from './store.ts'
