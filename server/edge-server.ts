import type { EventMap } from '../src/core/event.ts'
import { createLogObject, type LogObject, type LogObjectStorage } from './edge-object.ts'
import { createLogRouter, type LogNamespace } from './edge-router.ts'
import type { SyncHandlerOptions } from './options.ts'

/** Both parts of a sync server at the edge, so that they ask the application in the same way. */
export interface EdgeServer {
  /** In the Worker: hands a request on to the object of its log, by tenant and name. What is refused wakes no object. */
  readonly route: (request: Request, logs: LogNamespace) => Promise<Response>
  /** In an object: what the methods of its class call. */
  readonly openObject: (storage: LogObjectStorage) => LogObject
}

/** Makes a sync server of which each log is a Durable Object. */
export const createEdgeServer = <M extends EventMap>(options: Omit<SyncHandlerOptions<M>, 'store'>): EdgeServer => ({
  route: createLogRouter(options),
  openObject: (storage) => createLogObject(storage, options),
})
