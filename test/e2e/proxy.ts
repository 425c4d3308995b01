// What may stand between a device and its server. Only what goes to the sync endpoint is touched.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/**
 * `pass` leaves all as it is · `html` answers 200 with a page · `half` lets the server act and cuts its answer in the
 * middle · `half-push` does so with pushes only · `error` answers 500 · `portal` wants the visitor to sign in ·
 * `silent` takes requests and never answers · `mute-push` lets the server act on pushes, and the device never hears of it.
 */
export type Mood = 'pass' | 'html' | 'half' | 'half-push' | 'mute-push' | 'error' | 'portal' | 'silent'

export interface Middlebox {
  readonly url: string
  /** Cuts what is under way to the sync endpoint, and treats what comes from now on like this. */
  readonly turn: (mood: Mood) => void
  /** Methods of the sync requests that came since the last {@link turn}. */
  readonly asked: () => readonly string[]
  readonly close: () => Promise<void>
}

const htmlPage = '<!doctype html><title>Harbour Wi-Fi</title><h1>Please sign in to the harbour Wi-Fi</h1>'

/** Starts a proxy in front of `target`, the URL of a server. */
export async function startProxy(target: string): Promise<Middlebox> {
  let mood: Mood = 'pass'
  let asked: string[] = []
  const underWay = new Set<ServerResponse>()
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url?.startsWith('/sync/')) return forward(target, incoming, outgoing)
    asked.push(incoming.method ?? '')
    underWay.add(outgoing)
    outgoing.once('close', () => underWay.delete(outgoing))
    answer(mood, target, incoming, outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    turn: (next) => {
      mood = next
      asked = []
      for (const response of underWay) response.destroy()
    },
    asked: () => asked,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(mood: Mood, target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const page = (status: number): unknown => outgoing.writeHead(status, { 'content-type': 'text/html' }).end(htmlPage)
  const isPush = incoming.method === 'POST'
  const isPull = incoming.url?.includes('/pull') === true
  if (mood === 'pass' || (mood === 'half-push' && !isPush)) forward(target, incoming, outgoing)
  else if (mood === 'mute-push' && isPull) forward(target, incoming, outgoing)
  else if (mood === 'mute-push' && isPush) incoming.pipe(send(target, incoming).on('error', () => outgoing.destroy()))
  else if (mood === 'half' || mood === 'half-push') forwardHalf(target, incoming, outgoing)
  else if (mood === 'html') page(200)
  else if (mood === 'portal') page(403)
  else if (mood === 'error') page(500)
}

function send(target: string, { method, url, headers }: IncomingMessage): ReturnType<typeof request> {
  return request(new URL(url ?? '/', target), { method, headers })
}

function forward(target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const upstream = send(target, incoming)
  upstream.on('error', () => outgoing.destroy())
  upstream.on('response', (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    response.on('error', () => outgoing.destroy()).pipe(outgoing)
  })
  outgoing.once('close', () => upstream.destroy())
  incoming.pipe(upstream)
}

function forwardHalf(target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const upstream = send(target, incoming)
  upstream.on('error', () => outgoing.destroy())
  upstream.on('response', async (response) => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(Buffer.from(chunk))
    const whole = Buffer.concat(chunks)
    const { 'transfer-encoding': _, ...headers } = response.headers
    outgoing.writeHead(response.statusCode ?? 502, { ...headers, 'content-length': whole.length })
    outgoing.write(whole.subarray(0, whole.length / 2), () => outgoing.destroy())
  })
  outgoing.once('close', () => upstream.destroy())
  incoming.pipe(upstream)
}
