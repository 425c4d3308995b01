export { openLog } from './client/open.ts'
export type {
  AppendOptions,
  Confirmation,
  DeadLetter,
  DeadLetters,
  Executed,
  IfNoMatch,
  IfVersion,
  Log,
  LogHead,
  LogOf,
  OpenOptions,
  ReadOptions,
  ReadResult,
  StreamHead,
  StreamWrite,
  SyncControl,
  SyncStatus,
  View,
} from './client/types.ts'
export { unwrap } from './client/unwrap.ts'
export type { RefusalData } from './core/command.ts'
export type { Metadata } from './core/commit.ts'
export type { Models } from './core/compose.ts'
export type {
  AnyDecider,
  CommandOf,
  Decider,
  DeciderDef,
  Decision,
  DecisionScope,
  FactsOf,
  ModelsScope,
  Refusal,
  RefusalsOf,
} from './core/decider.ts'
export { defineDecider, refuse } from './core/decider.ts'
export type { TidelogErrorCode } from './core/errors.ts'
export { isTidelogError, TidelogError } from './core/errors.ts'
export type { EventDef, EventMap, EventOptions, Events, Fact, RetiredDef, Several, StoredAs } from './core/event.ts'
export { defineEvents, event, retired, type } from './core/event.ts'
export type { Define, Model } from './core/model.ts'
export { defineFor, defineLog } from './core/model.ts'
export type { Observable } from './core/observable.ts'
export type {
  AppendRefused,
  ConditionConflict,
  IdTaken,
  Invalid,
  Issue,
  Marker,
  Not,
  Ok,
  Outcome,
  Receipt,
  StorageFull,
  StorageUnavailable,
  StreamClosed,
  TooLarge,
  UpdateNeeded,
  VersionConflict,
  Withdrawal,
} from './core/outcome.ts'
export type { Fold, Projection, ProjectionDef, Scope } from './core/projection.ts'
export { defineProjection } from './core/projection.ts'
export type { Query, QueryItem, TagFilter } from './core/queries.ts'
export type { Recorded, UnknownEvent } from './core/recorded.ts'
export type { SyncState } from './protocol/notice.ts'
export type { Problem } from './protocol/sync.ts'
export type { StorageStatus } from './protocol/worker.ts'
