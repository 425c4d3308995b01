import { isRecord } from '../core/guard.ts'
import type { Clock, Fetch } from '../core/ports.ts'
import {
  isLiveHead,
  isManifest,
  isPullAnswer,
  isPullPage,
  isPushAnswer,
  type ListedSegment,
  type PullAnswer,
  type PushAnswer,
  type PushRequest,
  protocolHeader,
  type Seen,
  syncProtocol,
} from '../protocol/sync.ts'
import { hashOf, readFile, type SegmentFile } from '../segments/file.ts'
import type { Bytes } from '../segments/gzip.ts'
import { retryAfterMsMax } from './backoff.ts'
import { failureOfStatus, SyncFailure } from './failure.ts'
import { createSseParser } from './sse.ts'
import type { LiveMessage, Transport } from './transport.ts'

export interface HttpOptions {
  /** Absolute URL of the log at the endpoint, such as `https://example.com/sync/shop`. */
  readonly url: string
  readonly fetch: Fetch
  readonly clock: Clock
  readonly headers: () => Readonly<Record<string, string>>
}

const requestTimeoutMs = 30_000
/** A server says something at once; what brings nothing by then is held back by something on the way. */
const firstByteMs = 10_000
/** A live stream that is silent for this long is taken for dead; the server sends a heartbeat more often. */
const silenceMs = 45_000

/** The sync protocol over HTTP. */
export function createHttpTransport(options: HttpOptions): Transport {
  const exchange = <T>(
    path: string,
    init: RequestInit,
    isAnswer: (value: unknown) => value is T,
    outer: AbortSignal,
    waitMs = 0,
  ): Promise<T> =>
    inTime(options.clock, requestTimeoutMs + waitMs, outer, 'timeout', async (signal) => {
      const response = await send(options, path, init, signal)
      const answer = parseJson(await response.text())
      if (isAnswer(answer)) return answer
      throw notOurs()
    })
  return {
    pull: (seen, signal, waitMs) => {
      const path = `pull?${toQuery(seen)}${waitMs === undefined ? '' : `&waitMs=${waitMs}`}`
      return exchange<PullAnswer>(path, { method: 'GET' }, isPullAnswer, signal, waitMs)
    },
    segments: async (signal) => {
      // On plain http no file can be checked.
      if (globalThis.crypto?.subtle === undefined) return []
      // An endpoint of an older version has no such address.
      const manifest = await exchange('segments', { method: 'GET' }, isManifest, signal).catch(unlessRefused)
      return manifest?.segments ?? []
    },
    segment: (listed, outer) =>
      inTime(options.clock, requestTimeoutMs, outer, 'timeout', async (signal, restart) => {
        // A file never changes: whatever stands between may have kept it.
        const init = { method: 'GET', cache: 'default' } as const
        const response = await send(options, `segments/${listed.hash}`, init, signal).catch(unlessRefused)
        return response && readSegment(await bytesOf(response, () => restart(requestTimeoutMs)), listed)
      }),
    push: (request: PushRequest, signal) => {
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify(request) }
      return exchange<PushAnswer>('push', init, isPushAnswer, signal)
    },
    live: (seen, onMessage, outer) =>
      inTime(options.clock, firstByteMs, outer, 'silent', (signal, restart) =>
        follow(options, seen, onMessage, signal, () => restart(silenceMs)),
      ),
  }
}

/** What the server has not, or not any more, is to be had another way. */
const unlessRefused = (error: unknown): undefined => {
  const isRefusal = error instanceof SyncFailure && (error.kind === 'stopped' || error.kind === 'forbidden')
  if (!isRefusal) throw error
}

/** A large body on a slow line takes as long as it takes, as long as something comes. */
async function bytesOf({ body }: Response, onChunk: () => void): Promise<Bytes> {
  const told = new TransformStream<Uint8Array, Bytes>({
    transform: (chunk, controller) => {
      onChunk()
      controller.enqueue(new Uint8Array(chunk))
    },
  })
  return new Uint8Array(await new Response(body?.pipeThrough(told)).arrayBuffer())
}

async function readSegment(
  bytes: Bytes,
  { hash, first, last, digest }: ListedSegment,
): Promise<SegmentFile | undefined> {
  const file = (await hashOf(bytes)) === hash ? await readFile(bytes) : undefined
  return file?.first === first && file.last === last && file.digest === digest ? file : undefined
}

const notOurs = (): SyncFailure => new SyncFailure('waiting', 'not-a-tidelog-answer')
const eventStream = 'text/event-stream'
const toQuery = ({ position, digest }: Seen): string => `position=${position}&digest=${digest}`

/** Sends a request and gives the response only when it is a success of a server that speaks the protocol. */
async function send(options: HttpOptions, path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  const headers = { ...options.headers(), ...init.headers, [protocolHeader]: String(syncProtocol) }
  const request = new Request(`${options.url}/${path}`, { cache: 'no-store', ...init, headers, signal })
  const response = await options.fetch(request)
  const isOurs = response.headers.get(protocolHeader) === String(syncProtocol)
  if (response.ok && isOurs) return response
  const body = await response.text().catch(() => '')
  if (response.ok) throw notOurs()
  throw failureOfStatus(response.status, isOurs, titleOf(body, response), retryAfterOf(response, options.clock))
}

function titleOf(body: string, response: Response): string {
  const problem = parseJson(body)
  return isRecord(problem) && typeof problem.title === 'string' ? problem.title : `HTTP ${response.status}`
}

function retryAfterOf(response: Response, clock: Clock): number | undefined {
  const value = response.headers.get('retry-after')
  if (value === null) return undefined
  const ms = Number.isNaN(Number(value)) ? Date.parse(value) - clock.now() : Number(value) * 1000
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), retryAfterMsMax)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function follow(
  options: HttpOptions,
  seen: Seen,
  onMessage: (message: LiveMessage) => void,
  signal: AbortSignal,
  onChunk: () => void,
): Promise<void> {
  const init = { method: 'GET', headers: { accept: eventStream } }
  const response = await send(options, `live?${toQuery(seen)}`, init, signal)
  if (!response.headers.get('content-type')?.startsWith(eventStream)) throw notOurs()
  const feed = createSseParser((name, data) => onMessage(toMessage(name, parseJson(data))))
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const chunk = await reader?.read()
    if (chunk === undefined || chunk.done) return
    onChunk()
    feed(chunk.value)
  }
}

function toMessage(event: string, data: unknown): LiveMessage {
  if (event === 'diverged') throw new SyncFailure('diverged', 'diverged')
  if (event === 'page' && isPullPage(data)) return { head: data.head, page: data }
  return event === 'head' && isLiveHead(data) ? { head: data.head } : {}
}

/**
 * Runs what talks to the server until it ends, the outer signal is aborted, or time is up, which `restart` puts off.
 * Nothing of it is left on the wire afterwards.
 */
async function inTime<T>(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
  type: 'timeout' | 'silent',
  run: (signal: AbortSignal, restart: (ms: number) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  let isLate = false
  let callOff = (): void => {}
  const restart = (ms: number): void => {
    callOff()
    callOff = clock.after(ms, () => {
      isLate = true
      abort()
    })
  }
  if (outer.aborted) abort()
  outer.addEventListener('abort', abort, { signal: controller.signal })
  restart(ms)
  try {
    return await run(controller.signal, restart)
  } catch (error) {
    throw isLate ? new SyncFailure('waiting', type) : error
  } finally {
    callOff()
    abort()
  }
}
