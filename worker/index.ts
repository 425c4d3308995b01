export type { SyncEndpoint } from './host.ts'
export { httpSync, type ServeOptions, serveLog } from './serve.ts'
