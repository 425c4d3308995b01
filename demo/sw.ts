// Keeps the files of one build, so that the shop opens without a network. It never touches /sync/: the log does that.

interface Build {
  readonly version: string
  readonly files: readonly string[]
}
interface Lasting extends Event {
  readonly waitUntil: (promise: Promise<unknown>) => void
}
interface Fetching extends Lasting {
  readonly request: Request
  readonly respondWith: (response: Promise<Response>) => void
}
// What this file uses of ServiceWorkerGlobalScope: TypeScript can't have its library and the page's in one project.
interface Scope {
  readonly __BUILD__: Build
  readonly registration: { readonly scope: string }
  readonly skipWaiting: () => Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}
declare const self: Scope

// The build puts the version and the list of files in here.
const build = self.__BUILD__
const prefix = 'tidelog-demo-'
const cacheName = prefix + build.version
const pageMs = 3_000
const { scope } = self.registration
const urlOf = (file: string): string => new URL(file, scope).href
const page = urlOf('index.html')
const kept = new Set(build.files.map(urlOf))

const install = async (): Promise<void> => {
  const cache = await caches.open(cacheName)
  // Past the HTTP cache: a page of one build and a script of another would be neither.
  await cache.addAll([...kept].map((url) => new Request(url, { cache: 'reload' })))
}

/** The build before this one stays: a tab that has not been reloaded yet may still start a worker of it. */
const tidy = async (): Promise<void> => {
  const older = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== cacheName)
  await Promise.all(older.slice(0, -1).map((name) => caches.delete(name)))
}

const fromCache = async (url: string): Promise<Response | undefined> =>
  (await (await caches.open(cacheName)).match(url)) ?? caches.match(url)

/** The shop, unless another page was asked for. */
const pageFromCache = async ({ url }: Request): Promise<Response | undefined> =>
  (await fromCache(url)) ?? fromCache(page)

const openPage = async (request: Request): Promise<Response> => {
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(pageMs) })
    if (fresh.ok) return fresh
    return (await pageFromCache(request)) ?? fresh
  } catch {
    return (await pageFromCache(request)) ?? Response.error()
  }
}

const openFile = async (request: Request): Promise<Response> => (await fromCache(request.url)) ?? fetch(request)

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(tidy()))
self.addEventListener('message', ({ data }) => {
  // Only when a visitor asked for it: a page keeps the version it was opened with.
  if (data === 'take-over') void self.skipWaiting()
})
self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || !request.url.startsWith(scope) || request.url.startsWith(urlOf('sync/'))) return
  if (request.mode === 'navigate') event.respondWith(openPage(request))
  else if (kept.has(request.url) || request.url.startsWith(urlOf('assets/'))) event.respondWith(openFile(request))
})

// A module, so that `self` above is this file's own.
export {}
