import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequest, sendResponse } from '@remix-run/node-fetch-server'
import type { Answers } from './answers.ts'
import { type LiveListener, type LiveSource, liveSourceOf } from './live.ts'

type Serve = (request: Request, client: { readonly address: string }) => Promise<Response>

/** Whether a request is likely to open a live stream; one that does not is answered all the same. */
export const asksForLive = ({ url = '' }: IncomingMessage): boolean => /\/live(\?|$)/.test(url)

/**
 * Answers a request for a live stream and writes its frames right to the socket: an idle client then costs half of what a Web
 * stream with its request and response holds, for as long as it listens.
 */
export function createLiveListener(
  serve: Serve,
  badRequest: () => Response,
  answers: Answers,
): (request: IncomingMessage, response: ServerResponse) => void {
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const request = toRequest(req)
    const client = { address: req.socket.remoteAddress ?? '' }
    const response = request === undefined ? badRequest() : await serve(request, client)
    const source = liveSourceOf(response)
    if (source === undefined) return res.destroyed ? undefined : sendResponse(res, response)
    answers.endWith(res, source)
    if (res.destroyed) return
    res.writeHead(response.status, Object.fromEntries(response.headers))
    // On their own, which leaves one string of them; else Node keeps the thirty that it was made of.
    res.flushHeaders()
    new LiveWriter(source, res).due()
  }
  return (req, res) => void answer(req, res).catch(() => res.destroy())
}

/** What a request asks its response for is when to abort. Here the response tells the stream itself, and the request can be forgotten. */
const neverClosing = { once: () => neverClosing } as unknown as ServerResponse

/** `undefined` for what can't be made a request, such as by its Host header. */
function toRequest(req: IncomingMessage): Request | undefined {
  try {
    return createRequest(req, neverClosing)
  } catch {
    return undefined
  }
}

class LiveWriter implements LiveListener {
  readonly #source: LiveSource
  readonly #res: ServerResponse

  constructor(source: LiveSource, res: ServerResponse) {
    this.#source = source
    this.#res = res
  }

  due(): void {
    this.#write().catch(() => this.#res.destroy())
  }

  async #write(): Promise<void> {
    const source = this.#source
    const res = this.#res
    for (;;) {
      const frame = await source.take()
      if (res.destroyed) return
      if (frame === '') return source.wait(this)
      if (frame === undefined) break
      // Nothing more is made for a client that does not read.
      if (!res.write(frame)) await drained(res)
    }
    res.end()
  }
}

const drained = (res: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      res.off('drain', go)
      res.off('close', go)
      resolve()
    }
    res.once('drain', go)
    res.once('close', go)
  })
