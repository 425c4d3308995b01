import { isRecord } from '../core/guard.ts'
import type { Clock, Fetch } from '../core/ports.ts'
import {
  isLiveHead,
  isPullAnswer,
  isPullPage,
  isPushAnswer,
  type PullAnswer,
  type PushAnswer,
  type PushRequest,
  protocolHeader,
  type Seen,
  syncProtocol,
} from '../protocol/sync.ts'
import { failureOfStatus, SyncFailure } from './failure.ts'
import { createSseParser } from './sse.ts'
import type { LiveMessage, Transport } from './transport.ts'

export interface HttpOptions {
  /** Absolute URL of the log at the endpoint, such as `https://example.com/sync/shop`. */
  readonly url: string
  readonly fetch: Fetch
  readonly clock: Clock
  readonly headers: () => Readonly<Record<string, string>>
  readonly requestTimeoutMs?: number
  /** A live stream that is silent for this long is taken for dead; the server sends a heartbeat more often. */
  readonly silenceMs?: number
}

/** The sync protocol over HTTP. */
export function createHttpTransport(options: HttpOptions): Transport {
  const { requestTimeoutMs = 30_000 } = options
  const exchange = async <T>(
    path: string,
    init: RequestInit,
    isAnswer: (value: unknown) => value is T,
    signal: AbortSignal,
  ): Promise<T> => {
    const deadline = new Deadline(options.clock, requestTimeoutMs, signal)
    try {
      const response = await send(options, path, init, deadline.signal)
      const answer = parseJson(await response.text())
      if (isAnswer(answer)) return answer
      throw new SyncFailure('retry', 'not-a-tidelog-answer')
    } catch (error) {
      throw deadline.passed ? new SyncFailure('retry', 'timeout') : error
    } finally {
      deadline.clear()
    }
  }
  return {
    pull: (seen, signal) => exchange<PullAnswer>(`pull?${toQuery(seen)}`, { method: 'GET' }, isPullAnswer, signal),
    push: (request: PushRequest, signal) => {
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify(request) }
      return exchange<PushAnswer>('push', init, isPushAnswer, signal)
    },
    live: (seen, onMessage, signal) => follow(options, seen, onMessage, signal),
  }
}

const toQuery = ({ position, digest }: Seen): string => `position=${position}&digest=${digest}`

/** Sends a request and gives the response only when it is a success of a server that speaks the protocol. */
async function send(options: HttpOptions, path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  const headers = { ...options.headers(), ...init.headers, [protocolHeader]: String(syncProtocol) }
  const request = new Request(`${options.url}/${path}`, { ...init, headers, signal, cache: 'no-store' })
  const response = await options.fetch(request)
  const isOurs = response.headers.get(protocolHeader) === String(syncProtocol)
  if (response.ok && isOurs) return response
  const body = await response.text().catch(() => '')
  if (response.ok) throw new SyncFailure('retry', 'not-a-tidelog-answer')
  throw failureOfStatus(response.status, isOurs, titleOf(body, response), retryAfterOf(response, options.clock))
}

function titleOf(body: string, response: Response): string {
  const problem = parseJson(body)
  return isRecord(problem) && typeof problem.title === 'string' ? problem.title : `HTTP ${response.status}`
}

function retryAfterOf(response: Response, clock: Clock): number | undefined {
  const value = response.headers.get('retry-after')
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - clock.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined
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
): Promise<void> {
  const silence = new Deadline(options.clock, options.silenceMs ?? 45_000, signal)
  try {
    const init = { method: 'GET', headers: { accept: 'text/event-stream' } }
    const response = await send(options, `live?${toQuery(seen)}`, init, silence.signal)
    const feed = createSseParser({
      onEvent: (name, data) => takeEvent(name, parseJson(data), onMessage),
      onComment: () => onMessage({ kind: 'alive' }),
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) return
      silence.restart()
      feed(chunk.value)
    }
  } catch (error) {
    throw silence.passed ? new SyncFailure('retry', 'silent') : error
  } finally {
    silence.clear()
  }
}

function takeEvent(event: string, data: unknown, onMessage: (message: LiveMessage) => void): void {
  if (event === 'page' && isPullPage(data)) onMessage({ kind: 'page', page: data })
  else if (event === 'head' && isLiveHead(data)) onMessage({ kind: 'head', head: data.head })
  else if (event === 'diverged') throw new SyncFailure('diverged', 'diverged')
}

/** Aborts when time is up or when the given signal does. */
class Deadline {
  passed = false
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #ms: number
  readonly #outer: AbortSignal
  #callOff: () => void
  readonly #abort = (): void => this.#controller.abort()

  constructor(clock: Clock, ms: number, outer: AbortSignal) {
    this.#clock = clock
    this.#ms = ms
    this.#outer = outer
    if (outer.aborted) this.#abort()
    outer.addEventListener('abort', this.#abort)
    this.#callOff = this.#start()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  restart(): void {
    this.#callOff()
    this.#callOff = this.#start()
  }

  clear(): void {
    this.#callOff()
    this.#outer.removeEventListener('abort', this.#abort)
  }

  #start(): () => void {
    return this.#clock.after(this.#ms, () => {
      this.passed = true
      this.#abort()
    })
  }
}
