import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers of a server that are under way, and the connections on which they go out. */
export interface Answers {
  /** Ends `source` when the answer is over, or the client is gone; at once where that has happened. */
  readonly endWith: (response: ServerResponse, source: Source) => void
  /**
   * Ends all connections gracefully: at once those without a request under way, the others after their answer. Node's own
   * `closeIdleConnections` spares a connection that was opened and not used yet, as browsers and `fetch` do in advance, and a
   * server that closes would wait for it.
   */
  readonly endConnections: () => void
}
interface Source {
  readonly end: () => void
}
interface Answer {
  readonly since: number
  source: Source | undefined
}

/**
 * Follows the answers of a server, and breaks off those that take longer than `msMax`, however slowly they are read; not to the
 * second. With one listener for each answer: thousands are under way at one time, and two would hold a list.
 */
export function followAnswers(server: Server, msMax: number): Answers {
  /** In the order in which they began. */
  const answers = new Map<ServerResponse, Answer>()
  const requestsOf = new Map<Socket, number>()
  let isEnding = false
  let looking: NodeJS.Timeout | undefined
  const look = (): void => {
    const now = performance.now()
    for (const [response, { since }] of answers) {
      if (now - since < msMax) break
      response.destroy()
    }
    if (answers.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  // Shared by all: each would hold its own.
  function answered(this: ServerResponse): void {
    const { socket } = this.req
    const answer = answers.get(this)
    answers.delete(this)
    answer?.source?.end()
    const left = (requestsOf.get(socket) ?? 0) - 1
    if (requestsOf.has(socket)) requestsOf.set(socket, left)
    if (isEnding && left <= 0) socket.end()
  }
  function disconnected(this: Socket): void {
    requestsOf.delete(this)
  }
  server.on('connection', (socket: Socket) => {
    requestsOf.set(socket, 0)
    socket.on('close', disconnected)
  })
  server.on('request', ({ socket }, response) => {
    requestsOf.set(socket, (requestsOf.get(socket) ?? 0) + 1)
    if (isEnding) response.setHeader('connection', 'close')
    answers.set(response, { since: performance.now(), source: undefined })
    response.on('close', answered)
    looking ??= setInterval(look, Math.min(1_000, msMax / 4)).unref()
  })
  return {
    endWith(response, source) {
      const answer = answers.get(response)
      if (answer === undefined) source.end()
      else answer.source = source
    },
    endConnections() {
      isEnding = true
      for (const [socket, requests] of requestsOf) if (requests === 0) socket.destroy()
    },
  }
}
