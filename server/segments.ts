import { hashText } from '../src/core/digest.ts'
import { type Manifest, syncProtocol } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { commonHeaders, refuse } from './problems.ts'

/** `GET {log}/segments`: the list of a log's segments; `GET {log}/segments/{hash}`: the file of one of them. */
export const segments = (
  request: Request,
  { log, hash }: { readonly log: string; readonly hash: string | undefined },
  context: HandlerContext,
): Promise<Response> => (hash === undefined ? manifest(request, log, context) : file(request, log, hash, context))

async function manifest(request: Request, log: string, { store, sealer, eraser }: HandlerContext): Promise<Response> {
  const listed = (await store.segments?.list(log)) ?? []
  // A log may have grown while nobody sealed, such as before an update of the server.
  if (store.segments !== undefined) {
    const { position } = await store.head(log)
    sealer.look(log, position)
    eraser.look(log, position)
  }
  const etag = `"${hashText(listed.map(({ hash }) => hash).join())}"`
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
  const bytes = await store.segments?.get(log, hash)
  if (bytes === 'gone') return refuse(410, 'gone', 'An erasure has put another segment in the place of this one')
  if (bytes === undefined) return refuse(404, 'not-found', 'This log has no such segment')
  const headers = {
    ...commonHeaders,
    'cache-control': `${isPrivate ? 'private' : 'public'}, max-age=${maxAgeSeconds}, immutable`,
    etag: `"${hash}"`,
  }
  if (isKnown(request, headers.etag)) return new Response(null, { status: 304, headers })
  const length = String(bytes.byteLength)
  return new Response(bytes, {
    headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': length },
  })
}

const maxAgeSeconds = 30 * 24 * 60 * 60

/** Compared weakly: a proxy that packs an answer on the way marks its validator so. */
const isKnown = (request: Request, etag: string): boolean =>
  (request.headers.get('if-none-match') ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .some((one) => one === etag || one === '*')
