export type { SyncEndpoint } from './open-log.ts'
export { httpSync, type ServeOptions, serveLog } from './serve.ts'
