import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { problemOf } from './problems.ts'

const statuses: Readonly<Record<string, readonly [number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Payload Too Large'],
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
}

/**
 * Answers what Node can't make a request of with a problem document, too. Without the protocol header: a device takes a
 * broken request for a fault on the way, and tries again.
 */
export function answerBadHttp(server: Server): void {
  const latest = new WeakMap<Duplex, ServerResponse>()
  server.on('request', ({ socket }, response) => latest.set(socket, response))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = latest.get(socket)
    // In the middle of one answer no other one can begin.
    const isAnswering = response?.headersSent === true && !response.writableFinished
    if (socket.writable && !isAnswering) socket.write(toHttp(error.code ?? ''))
    socket.destroy(error)
  })
}

function toHttp(code: string): string {
  const [status, reason] = statuses[code] ?? [400, 'Bad Request']
  const body = JSON.stringify({ ...problemOf('request', 'This is no request'), status })
  const headers = `content-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close`
  return `HTTP/1.1 ${status} ${reason}\r\n${headers}\r\n\r\n${body}`
}
