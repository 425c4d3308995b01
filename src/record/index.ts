export { createRecorder } from './create-recorder.ts'
export type {
  FieldKinds,
  JsonKind,
  Recordable,
  Recorder,
  RecorderOptions,
  RecorderStatus,
  RejectedEvent,
  RejectReason,
  SchemaMismatch,
} from './types.ts'
