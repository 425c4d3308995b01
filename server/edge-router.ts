import type { EventMap } from '../src/core/event.ts'
import { protocolHeader, syncProtocol } from '../src/protocol/sync.ts'
import { admit } from './admit.ts'
import { quietly } from './context.ts'
import { preflight, withCors } from './cors.ts'
import type { SyncHandlerOptions } from './options.ts'
import { problemOf, problemResponse, RequestProblem, refuse } from './problems.ts'
import { wrongProtocol } from './push.ts'
import { methodOf, routeOf } from './routes.ts'

/** What the router uses of a namespace of Durable Objects. */
export interface LogNamespace {
  idFromName(name: string): unknown
  get(id: unknown): { fetch(request: Request): Promise<Response> }
}

/** Those options of the objects' handlers that tell who may ask for which log. */
type LogRouterOptions<M extends EventMap> = Pick<
  SyncHandlerOptions<M>,
  'authenticate' | 'tenantOf' | 'authorize' | 'basePath' | 'cors' | 'onError'
>

/** Makes the function that hands a request on to the object of its log, or refuses it. */
export function createLogRouter<M extends EventMap>(
  options: LogRouterOptions<M>,
): (request: Request, logs: LogNamespace) => Promise<Response> {
  const { basePath = '/sync', cors } = options
  const onError = quietly(options.onError ?? ((error) => console.error(error)))

  /** The name of the object, or the answer. */
  const nameOf = async (request: Request): Promise<string | Response> => {
    const route = routeOf(new URL(request.url).pathname, basePath)
    const allowed = preflight(request, route.endpoint, cors)
    if (allowed !== undefined) return allowed
    const method = methodOf(route.endpoint)
    if (request.method !== method) refuse(405, 'method', `Only ${method} works here`, { headers: { allow: method } })
    if (request.headers.get(protocolHeader) !== String(syncProtocol)) wrongProtocol()
    // Turns are counted in the object: a count here would begin anew in each place where the Worker runs.
    const who = await admit(request, route, { options })
    return who instanceof Response ? who : who.storeLog
  }
  const ask = async (request: Request, logs: LogNamespace, name: string): Promise<Response> => {
    try {
      return await logs.get(logs.idFromName(name)).fetch(request)
    } catch (error) {
      // It is overloaded, was ended for an update, or can't start: its devices keep everything and come back.
      onError(error)
      return refuse(503, 'store-unavailable', 'The log can not be reached right now', {
        headers: { 'retry-after': '5' },
      })
    }
  }
  return async (request, logs) => {
    try {
      const name = await nameOf(request)
      return typeof name === 'string' ? await ask(request, logs, name) : withCors(request, name, cors?.origins)
    } catch (error) {
      return withCors(request, problemResponse(toProblem(error, onError)), cors?.origins)
    }
  }
}

function toProblem(error: unknown, onError: (error: unknown) => void): RequestProblem {
  if (error instanceof RequestProblem) return error
  onError(error)
  return new RequestProblem(500, problemOf('internal', 'Something went wrong here'))
}
