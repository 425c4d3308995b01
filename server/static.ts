import { readFile, realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

/** Serves the files of a built front end from the folder `root`; a folder's address gives its `index.html`. */
export function serveStatic(root: string): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response('Only GET works here\n', { status: 405, headers: { allow: 'GET, HEAD' } })
    const { pathname } = new URL(request.url)
    const file = await findFile(root, pathname)
    if (file === undefined)
      return new Response('There is nothing at this address\n', { status: 404, headers: headersOf('x.txt') })
    const { size, mtimeMs } = await stat(file)
    const etag = `"${size.toString(36)}-${Math.trunc(mtimeMs).toString(36)}"`
    const headers = { ...headersOf(file), 'cache-control': cachingOf(pathname), etag }
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
    const body = request.method === 'HEAD' ? null : new Uint8Array(await readFile(file))
    return new Response(body, { headers: { ...headers, 'content-length': String(size) } })
  }
}

const headersOf = (file: string): Readonly<Record<string, string>> => ({
  'content-type': contentTypes[extname(file).toLowerCase()] ?? 'application/octet-stream',
  'x-content-type-options': 'nosniff',
})

/** A name with the hash of its content never changes its content; everything else is asked for again. */
const cachingOf = (pathname: string): string =>
  /^\/assets\/.*-[\w-]{8,}\.\w+$/.test(pathname) ? 'public, max-age=31536000, immutable' : 'no-cache'

/** The file behind a path. Nothing outside of the root is ever one, nor what hides behind a dot. */
async function findFile(root: string, pathname: string): Promise<string | undefined> {
  try {
    const parts = decodeURIComponent(pathname).split('/').filter(Boolean)
    if (parts.some((part) => part.startsWith('.') || /[\\\0]/.test(part))) return undefined
    const path = join(root, ...parts)
    const file = (await stat(path)).isDirectory() ? join(path, 'index.html') : path
    // The real paths are compared, so that a symbolic link does not lead out.
    const [realRoot, real] = await Promise.all([realpath(root), realpath(file)])
    return real.startsWith(realRoot + sep) && (await stat(real)).isFile() ? real : undefined
  } catch {
    return undefined
  }
}
