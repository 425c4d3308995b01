import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequest, sendResponse } from '@remix-run/node-fetch-server'
import { type LiveSource, liveSourceOf } from './live.ts'

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
): (request: IncomingMessage, response: ServerResponse) => void {
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<LiveSource | undefined> => {
    const request = toRequest(req)
    const client = { address: req.socket.remoteAddress ?? '' }
    const response = request === undefined ? badRequest() : await serve(request, client)
    const source = liveSourceOf(response)
    if (res.destroyed) source?.end()
    else if (source === undefined) await sendResponse(res, response)
    else {
      res.on('close', () => source.end())
      res.writeHead(response.status, Object.fromEntries(response.headers))
      return source
    }
    return undefined
  }
  return (req, res) => {
    answer(req, res).then(
      (source) => source && write(source, res),
      () => res.destroy(),
    )
  }
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

async function write(source: LiveSource, res: ServerResponse): Promise<void> {
  try {
    for (;;) {
      const frame = await source.next()
      if (res.destroyed) return
      if (frame === undefined) break
      // Nothing more is made for a client that does not read.
      if (!res.write(frame)) await drained(res)
    }
    res.end()
  } catch {
    res.destroy()
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
