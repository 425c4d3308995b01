import { protocolHeader } from '../src/protocol/sync.ts'
import type { Cors } from './options.ts'
import { commonHeaders } from './problems.ts'
import { type Endpoint, methodOf } from './routes.ts'

/** Origins that may call; `undefined` when only the server's own pages may. */
export type Origins = readonly string[] | '*' | undefined

const allowedOrigin = (request: Request, origins: Origins): string | undefined => {
  const origin = request.headers.get('origin')
  if (origins === undefined || origin === null) return undefined
  if (origins === '*') return '*'
  return origins.includes(origin) ? origin : undefined
}

const ownHeaders = ['authorization', 'content-type', 'content-encoding', 'if-none-match', protocolHeader]

/** The answer to a browser that asks whether it may call here; `undefined` when that is no preflight or not allowed. */
export function preflight(request: Request, endpoint: Endpoint, cors: Cors | undefined): Response | undefined {
  if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined
  if (allowedOrigin(request, cors?.origins) === undefined) return undefined
  return new Response(null, {
    status: 204,
    headers: {
      ...commonHeaders,
      'access-control-allow-methods': methodOf(endpoint),
      'access-control-allow-headers': [...ownHeaders, ...(cors?.headers ?? [])].join(', '),
      'access-control-max-age': '7200',
    },
  })
}

/** Lets the pages of other origins read the answer, also when it is a problem. */
export function withCors(request: Request, response: Response, origins: Origins): Response {
  if (origins === undefined) return response
  response.headers.append('vary', 'origin')
  const origin = allowedOrigin(request, origins)
  if (origin === undefined) return response
  response.headers.set('access-control-allow-origin', origin)
  response.headers.set('access-control-expose-headers', `${protocolHeader}, retry-after, etag`)
  return response
}
