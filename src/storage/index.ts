export { estimateStorage, type StorageEstimate } from './estimate.ts'
export { detectEviction, type Eviction, type EvictionOptions, forgetEviction } from './eviction.ts'
