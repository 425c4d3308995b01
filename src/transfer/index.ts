export { type Export, type ExportedSegment, type ExportOptions, exportLog } from './export-log.ts'
export { type Import, type Imported, type ImportOptions, type ImportSource, importLog } from './import-log.ts'
export type { Progress } from './progress.ts'
export { syncProgress } from './sync-progress.ts'
