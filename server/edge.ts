/** The sync server at the edge: one Durable Object for each log, with its own SQLite. Needs no package and nothing of Node. */
export { edgeLimits, type LogObject, type LogObjectStorage } from './edge-object.ts'
export type { LogNamespace } from './edge-router.ts'
export { createEdgeServer, type EdgeServer } from './edge-server.ts'
export { durableObjectStore, type ObjectSql, type ObjectStorage } from './edge-store.ts'
