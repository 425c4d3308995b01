/** For the tests of a {@link LogStore} of your own. */

export { segmentContract } from './segments.contract.ts'
export { type OpenStore, type StoreRule, storeContract } from './store.contract.ts'
export type { LogStore, SegmentStore, SequencedCommit } from './store.ts'
