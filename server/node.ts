import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { mustBe } from '../src/core/errors.ts'
import { isCount } from '../src/core/guard.ts'
import { addressOf } from './address.ts'
import { followAnswers } from './answers.ts'
import { answerBadHttp } from './bad-http.ts'
import { limitConnections } from './connections.ts'
import type { SyncHandler } from './handler.ts'
import { asksForLive, createLiveListener } from './node-live.ts'
import { problemOf, problemResponse, RequestProblem } from './problems.ts'
import { serveStatic } from './static.ts'

/** Options of {@link listen}. */
export interface ListenOptions {
  readonly handler: SyncHandler
  /** 0 takes any free port. */
  readonly port: number
  /** `127.0.0.1` by default: this machine only. */
  readonly host?: string
  /** A folder with a built front end, served at every path that is not the handler's. */
  readonly staticDir?: string
  readonly timeouts?: Partial<Timeouts>
  /**
   * How many proxies of your own stand in front, each of which appends to `X-Forwarded-For`; 0 for none. With it clients
   * without an actor are told apart by their addresses. Absent: they are not, since all of them might seem to be one proxy.
   */
  readonly proxies?: number
  /** Open connections; more are broken off. 12,000 by default: more than a handler has live streams. */
  readonly connectionsMax?: number
  /** Those of one address, where `proxies` is 0; 500 by default, since many people may share one. */
  readonly connectionsPerAddressMax?: number
}

/** How long a client may keep a connection busy without getting on. */
export interface Timeouts {
  readonly headersMs: number
  /** For the whole request, with its body. */
  readonly requestMs: number
  /** Without a byte in either direction; heartbeats keep a live stream below it. */
  readonly idleMs: number
  /** For the whole answer, however slowly it is read; a live stream ends before that by itself. */
  readonly answerMs: number
  /** What is still under way when the server closes gets this long. */
  readonly closeMs: number
}
const defaultTimeouts: Timeouts = {
  headersMs: 20_000,
  requestMs: 120_000,
  idleMs: 60_000,
  answerMs: 15 * 60_000,
  closeMs: 5_000,
}

/** Devices that lost their server at one moment come back at one moment: not to be heard costs each a second or more. */
const connectionsWaiting = 4_096

/** A server that listens. */
export interface Listening {
  readonly url: string
  readonly port: number
  /** Ends live streams with `stopped`, lets requests under way finish, and closes. Some may have been cut off after `closeMs`. */
  readonly close: () => Promise<{ readonly hasCutOff: boolean }>
}

/** Serves a sync handler, and a front end beside it, over HTTP with Node. Rejects when the port can't be had. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { handler, port, host = '127.0.0.1', staticDir, proxies } = options
  const { connectionsMax = 12_000, connectionsPerAddressMax = 500 } = options
  mustBe(proxies === undefined || isCount(proxies), 'proxies', proxies)
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const files = staticDir === undefined ? undefined : serveStatic(staticDir)
  // Two parameters: the listener tells addresses only to a function that has both.
  const serve = async (request: Request, client: { readonly address: string }): Promise<Response> => {
    const isFile = files !== undefined && !new URL(request.url).pathname.startsWith(`${handler.basePath}/`)
    const forwardedFor = request.headers.get('x-forwarded-for')
    const address = proxies === undefined ? undefined : addressOf(client.address, forwardedFor, proxies)
    const response = await (isFile ? files(request) : handler(request, { address }))
    // Whoever was too slow to say what it wants would go on sending it.
    if (response.status === 408) response.headers.set('connection', 'close')
    return response
  }
  const checkMs = Math.min(5_000, timeouts.headersMs, timeouts.requestMs)
  const server = createServer({
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: checkMs,
  })
  server.timeout = timeouts.idleMs
  limitConnections(server, {
    max: connectionsMax,
    perAddressMax: proxies === 0 ? connectionsPerAddressMax : Number.POSITIVE_INFINITY,
  })
  answerBadHttp(server)
  const answers = followAnswers(server, timeouts.answerMs)
  const answer = createRequestListener(serve, { onError: badRequest })
  const answerLive = createLiveListener(serve, badRequest, answers)
  server.on('request', (req, res) => (asksForLive(req) ? answerLive(req, res) : void answer(req, res)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: connectionsWaiting }, () => resolve())
  })
  const { address, port: actual, family } = boundTo(server)
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
  return { url, port: actual, close: () => close(server, answers.endConnections, handler, timeouts.closeMs) }
}

/** The handler itself never throws: what comes here is a request that can't be made one, such as by its Host header. */
const badRequest = (): Response => problemResponse(new RequestProblem(400, problemOf('request', 'This is no request')))

function boundTo(server: Server): AddressInfo {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no address')
  return address
}

async function close(
  server: Server,
  endConnections: () => void,
  handler: SyncHandler,
  closeMs: number,
): Promise<{ readonly hasCutOff: boolean }> {
  let hasCutOff = false
  const giveUp = setTimeout(() => {
    hasCutOff = true
    server.closeAllConnections()
  }, closeMs)
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  endConnections()
  handler.stop()
  await closed
  clearTimeout(giveUp)
  return { hasCutOff }
}
