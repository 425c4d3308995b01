import { type Manifest, syncProtocol } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { inflate } from './gzip.ts'
import { commonHeaders, refuse } from './problems.ts'
import type { Route } from './routes.ts'

/** `GET {log}/segments`: the list of a log's segments; `GET {log}/segments/{hash}`: the file of one of them. */
export const segments = (request: Request, { log, hash }: Route, context: HandlerContext): Promise<Response> =>
  hash === undefined ? manifest(request, log, context) : file(request, log, hash, context)

async function manifest(request: Request, log: string, { store, sealer }: HandlerContext): Promise<Response> {
  const listed = (await store.segments?.list(log)) ?? []
  // A log may have grown while nobody sealed, such as before an update of the server.
  if (store.segments !== undefined) sealer.look(log, (await store.head(log)).position)
  const etag = `"${listed.at(-1)?.hash ?? 'none'}"`
  const headers = { ...commonHeaders, 'cache-control': 'no-cache', etag }
  if (isKnown(request, etag)) return new Response(null, { status: 304, headers })
  const body: Manifest = { protocol: syncProtocol, segments: listed }
  return new Response(JSON.stringify(body), { headers: { ...headers, 'content-type': 'application/json' } })
}

async function file(
  request: Request,
  log: string,
  hash: string,
  { store, isPrivate }: HandlerContext,
): Promise<Response> {
  const gzipped = await store.segments?.get(log, hash)
  if (gzipped === undefined) return refuse(404, 'not-found', 'This log has no such segment')
  const isGzip = acceptsGzip(request)
  const headers = {
    ...commonHeaders,
    'cache-control': `${isPrivate ? 'private' : 'public'}, max-age=${maxAgeSeconds}, immutable`,
    // A strong validator names bytes: the two encodings have one each.
    etag: isGzip ? `"${hash}.gzip"` : `"${hash}"`,
    vary: 'accept-encoding',
  }
  if (isKnown(request, headers.etag)) return new Response(null, { status: 304, headers })
  const whole = { ...headers, 'content-type': 'text/plain; charset=utf-8' }
  if (!isGzip) return new Response(inflate(gzipped), { headers: whole })
  const length = String(gzipped.byteLength)
  return new Response(gzipped, { headers: { ...whole, 'content-encoding': 'gzip', 'content-length': length } })
}

const maxAgeSeconds = 30 * 24 * 60 * 60

/** Compared weakly: a proxy that packs an answer on the way marks its validator so. */
const isKnown = (request: Request, etag: string): boolean =>
  (request.headers.get('if-none-match') ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .some((one) => one === etag || one === '*')

/** Whoever does not name it gets the text as it is. */
const acceptsGzip = (request: Request): boolean =>
  (request.headers.get('accept-encoding') ?? '')
    .split(',')
    .some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(coding))
