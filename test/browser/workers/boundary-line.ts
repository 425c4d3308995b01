// The worker of a device whose server is in the page: what it fetches goes through a port that it is sent first.
import { serveLog } from 'tidelog/worker'
import type { Answered, Asked, Piece } from '../boundary-server.ts'
import { notes } from '../notes-model.ts'

const waiting = new Map<number, (answer: Answered) => void>()
const line = new Promise<MessagePort>((resolve) => {
  const take = (event: MessageEvent<unknown>): void => {
    if (!(event.data instanceof MessagePort)) return
    event.stopImmediatePropagation()
    event.data.onmessage = ({ data }: MessageEvent<Answered>) => {
      waiting.get(data.id)?.(data)
      waiting.delete(data.id)
    }
    resolve(event.data)
  }
  addEventListener('message', take)
})

const streamOf = (pieces: MessagePort): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new ReadableStream({
    start: (controller) => {
      pieces.onmessage = ({ data }: MessageEvent<Piece>) => {
        if (data === 'end') controller.close()
        else if (data === 'cut') controller.error(new TypeError('the answer was cut'))
        else controller.enqueue(data)
      }
    },
    cancel: () => {
      pieces.onmessage = null
      pieces.postMessage('stop')
    },
  })

let asked = 0
const fetchFromPage = async (request: Request): Promise<Response> => {
  const { method, url, headers, signal } = request
  const id = ++asked
  const text = method === 'POST' ? await request.text() : undefined
  const { status, fields, body } = await new Promise<Answered>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    waiting.set(id, resolve)
    const message: Asked = { id, method, url, headers: [...headers], text }
    line.then((port) => port.postMessage(message), reject)
  })
  // As with a real request: what is aborted ends its body too.
  const stream = body === null ? null : streamOf(body).pipeThrough(new TransformStream(), { signal })
  return new Response(stream, { status, headers: fields })
}
self.fetch = (input) => fetchFromPage(new Request(input))

serveLog(notes, { sync: () => ({ url: 'http://server.test/sync/notes' }) })
