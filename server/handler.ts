import type { EventMap } from '../src/core/event.ts'
import { protocolHeader, syncProtocol } from '../src/protocol/sync.ts'
import { type About, aboutRequest } from './about-request.ts'
import { admit } from './admit.ts'
import { toContext } from './context.ts'
import { preflight, withCors } from './cors.ts'
import { live } from './live.ts'
import type { SyncHandlerOptions } from './options.ts'
import { problemOf, problemResponse, RequestProblem, refuse } from './problems.ts'
import { pull } from './pull.ts'
import { push, wrongProtocol } from './push.ts'
import { methodOf, routeOf } from './routes.ts'
import { segments } from './segments.ts'
import { isStoreError } from './store-error.ts'
import { Waiters } from './waiters.ts'

/** What whoever received a request knows of its sender beside it. */
export interface Client {
  /** Where it comes from; limits count by it what has no actor. */
  readonly address?: string | undefined
  /** What the request is called in logs; it is told with what happens to it. */
  readonly requestId?: string | undefined
}

/** The sync endpoint: a function from request to response, as every runtime with Web standards can serve it. */
export interface SyncHandler {
  (request: Request, client?: Client): Promise<Response>
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
  const waiters = new Waiters(context)

  const answer = async (
    request: Request,
    { address, requestId }: Client,
    about: About | undefined,
  ): Promise<Response> => {
    const url = new URL(request.url)
    const route = routeOf(url.pathname, basePath)
    about?.found(route, url)
    const allowed = preflight(request, route.endpoint, cors)
    if (allowed !== undefined) return allowed
    const method = methodOf(route.endpoint)
    if (request.method !== method) refuse(405, 'method', `Only ${method} works here`, { headers: { allow: method } })
    if (request.headers.get(protocolHeader) !== String(syncProtocol)) wrongProtocol()
    const who = await admit(request, route, { options, rate: context.rate, address })
    if (who instanceof Response) return who
    const { storeLog, client } = who
    about?.admitted(who)
    const asked = { log: storeLog, client, requestId, query: url.searchParams, signal: request.signal }
    switch (route.endpoint) {
      case 'push':
        return push(request, { ...who, requestId }, context)
      case 'pull':
        return pull(asked, waiters, context)
      case 'live':
        return live(asked, waiters, context)
      case 'segments':
        return segments(request, { log: storeLog, hash: route.hash }, context)
    }
  }
  const handle = async (request: Request, client: Client = {}): Promise<Response> => {
    const about = context.observe && aboutRequest(request, client.requestId)
    let response: Response
    let problem: string | undefined
    try {
      response = await answer(request, client, about)
    } catch (error) {
      const refusal = toProblem(error, (error) => context.onError(error, client.requestId))
      problem = refusal.name
      response = problemResponse(refusal)
    }
    if (about !== undefined) context.observe?.(about.answered(response.status, problem))
    return withCors(request, response, cors?.origins)
  }
  const stop = (): void => {
    waiters.stop()
    context.sealer.stop()
    context.eraser.stop()
  }
  return Object.assign(handle, { basePath, stop, liveCount: () => waiters.count })
}

function toProblem(error: unknown, onError: (error: unknown) => void): RequestProblem {
  if (error instanceof RequestProblem) return error
  onError(error)
  // The log is there and can't be had: a device comes back, and a proxy may ask another endpoint.
  if (isStoreError(error))
    return new RequestProblem(503, problemOf('store-unavailable', 'The log can not be reached right now'), {
      'retry-after': '5',
    })
  return new RequestProblem(500, problemOf('internal', 'Something went wrong here'))
}
