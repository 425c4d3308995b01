import { randomUUID } from 'node:crypto'
import type { Client, SyncHandler } from '../handler.ts'
import { problemOf, problemResponse, RequestProblem } from '../problems.ts'
import { serveStatic } from '../static.ts'
import type { Metrics } from './metrics.ts'
import type { Readiness } from './readiness.ts'
import { contentType } from './registry.ts'

/** What is served beside the endpoint. */
export interface Operations {
  readonly readiness: Readiness
  readonly metrics: Metrics
}

type Answer = (request: Request) => Response | Promise<Response>

/** `/healthz`: the process is alive. `/readyz`: it can serve. */
function healthRoutes({ readiness }: Operations): Readonly<Record<string, Answer>> {
  return {
    '/healthz': () => plain('ok\n'),
    '/readyz': async () => {
      const reason = await readiness.check()
      if (reason === undefined) return plain('ok\n')
      return problemResponse(
        new RequestProblem(503, problemOf('not-ready', 'Not ready', reason), { 'retry-after': '5' }),
      )
    },
  }
}

const metricsRoute = ({ metrics, readiness }: Operations): Readonly<Record<string, Answer>> => ({
  '/metrics': async () => {
    // Whether it is ready is one of them, also where nobody asks for it.
    await readiness.check()
    return new Response(metrics.text(), { headers: { ...noStore, 'content-type': contentType } })
  },
})

const noStore = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
const plain = (text: string): Response =>
  new Response(text, { headers: { ...noStore, 'content-type': 'text/plain; charset=utf-8' } })

/** What is at a port beside the one for clients: metrics and health. */
export function operationsHandler(operations: Operations): SyncHandler {
  const routes = { ...healthRoutes(operations), ...metricsRoute(operations) }
  const handle = async (request: Request): Promise<Response> => (await toRoute(routes, request)) ?? notFound()
  return Object.assign(handle, { basePath: '', stop: () => {}, liveCount: () => 0 })
}

/** What is at the port for clients. */
export interface FrontOptions extends Operations {
  readonly handler: SyncHandler
  readonly staticDir: string | undefined
  readonly hasMetrics: boolean
  /** A proxy in front may have named the request already. */
  readonly isBehindProxy: boolean
}

export function frontHandler(options: FrontOptions): SyncHandler {
  const { handler, staticDir, hasMetrics, isBehindProxy, metrics } = options
  const routes = { ...healthRoutes(options), ...(hasMetrics && metricsRoute(options)) }
  const files = staticDir === undefined ? undefined : serveStatic(staticDir)
  const answer = async (request: Request, client: Client): Promise<Response> => {
    const isSync = new URL(request.url).pathname.startsWith(`${handler.basePath}/`)
    const known = isSync ? undefined : await toRoute(routes, request)
    if (known !== undefined) return known
    if (isSync || files === undefined) return handler(request, client)
    const startedAt = performance.now()
    const response = await files(request)
    metrics.request('static', response.status, performance.now() - startedAt)
    return response
  }
  const handle = async (request: Request, client: Client = {}): Promise<Response> => {
    const requestId = (isBehindProxy && givenId(request)) || randomUUID()
    const response = await answer(request, { ...client, requestId })
    response.headers.set('x-request-id', requestId)
    return response
  }
  return Object.assign(handle, { basePath: '', stop: handler.stop, liveCount: handler.liveCount })
}

async function toRoute(routes: Readonly<Record<string, Answer>>, request: Request): Promise<Response | undefined> {
  const { pathname } = new URL(request.url)
  if (!Object.hasOwn(routes, pathname)) return undefined
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD')
    return problemResponse(new RequestProblem(405, problemOf('method', 'Only GET works here'), { allow: 'GET, HEAD' }))
  const response = await routes[pathname]?.(request)
  return method === 'GET' || response === undefined ? response : new Response(null, response)
}

const notFound = (): Response =>
  problemResponse(new RequestProblem(404, problemOf('not-found', 'There is nothing at this address')))

/** Only what can't break a line of a log. */
const givenId = (request: Request): string | undefined =>
  /^[\w.:-]{1,128}$/.exec(request.headers.get('x-request-id') ?? '')?.[0]
