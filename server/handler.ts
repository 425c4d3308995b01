import type { EventMap } from '../src/core/event.ts'
import { protocolHeader, syncProtocol } from '../src/protocol/sync.ts'
import { toContext } from './context.ts'
import { preflight, withCors } from './cors.ts'
import { live } from './live.ts'
import type { Actor, SyncHandlerOptions } from './options.ts'
import { commonHeaders, problemOf, problemResponse, RequestProblem, refuse } from './problems.ts'
import { pull } from './pull.ts'
import { push, wrongProtocol } from './push.ts'
import { actionOf, methodOf, type Route, routeOf } from './routes.ts'
import { segments } from './segments.ts'
import { createWaiters } from './waiters.ts'

/** The sync endpoint: a function from request to response, as every runtime with Web standards can serve it. */
export interface SyncHandler {
  (request: Request): Promise<Response>
  /** Path in front of the logs; other paths are answered 404. */
  readonly basePath: string
  /** Ends live streams with `stopped`, answers waiting pulls, and refuses new ones of both; seals no more. All else is still answered. */
  readonly stop: () => void
  /** Number of open live streams and waiting pulls. */
  readonly liveCount: () => number
}

/** Makes the sync endpoint of a server: it gives the commits of each log their order, checks their conditions again, and answers pulls. */
export function createSyncHandler<M extends EventMap>(options: SyncHandlerOptions<M>): SyncHandler {
  const { basePath = '/sync', cors } = options
  const context = toContext(options)
  const waiters = createWaiters(context)

  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const route = routeOf(url.pathname, basePath)
    const allowed = preflight(request, route.endpoint, cors?.origins)
    if (allowed !== undefined) return allowed
    const method = methodOf(route.endpoint)
    if (request.method !== method) refuse(405, 'method', `Only ${method} works here`, { headers: { allow: method } })
    if (request.headers.get(protocolHeader) !== String(syncProtocol)) wrongProtocol()
    const actor = await admit(request, route, options)
    if (actor instanceof Response) return actor
    const asked = { log: route.log, query: url.searchParams, signal: request.signal }
    switch (route.endpoint) {
      case 'push':
        return push(request, { log: route.log, actor }, context)
      case 'pull':
        return pull(asked, waiters, context)
      case 'live':
        return live(asked, waiters, context)
      case 'segments':
        return segments(request, route, context)
    }
  }
  const handle = async (request: Request): Promise<Response> => {
    try {
      return withCors(request, await answer(request), cors?.origins)
    } catch (error) {
      return withCors(request, problemResponse(toProblem(error, context.onError)), cors?.origins)
    }
  }
  const stop = (): void => {
    waiters.stop()
    context.sealer.stop()
    context.eraser.stop()
  }
  return Object.assign(handle, { basePath, stop, liveCount: waiters.count })
}

async function admit<M extends EventMap>(
  request: Request,
  { endpoint, log }: Route,
  { authenticate, authorize }: SyncHandlerOptions<M>,
): Promise<Actor | Response | undefined> {
  const known = authenticate === undefined ? undefined : await authenticate(request)
  if (known instanceof Response) return ownResponse(known)
  if (known === undefined && authenticate !== undefined)
    return refuse(401, 'unauthenticated', 'Who are you?', { headers: { 'www-authenticate': 'Bearer' } })
  const actor = typeof known === 'string' ? { id: known } : known
  if (authorize !== undefined && !(await authorize({ actor, log, action: actionOf(endpoint) })))
    return refuse(403, 'forbidden', 'This log is not yours to use this way')
  return actor
}

/** A copy, since the headers of a response may be immutable. */
function ownResponse(response: Response): Response {
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(commonHeaders)) headers.set(name, value)
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}

function toProblem(error: unknown, onError: (error: unknown) => void): RequestProblem {
  if (error instanceof RequestProblem) return error
  onError(error)
  return new RequestProblem(500, problemOf('internal', 'Something went wrong here'))
}
