import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addressOf } from './address.ts'

/** How many connections may be open. */
export interface ConnectionLimits {
  readonly max: number
  readonly perAddressMax: number
}

/** Breaks off connections beyond the limits, at once and without an answer: that costs least, and devices come back. */
export function limitConnections(server: Server, { max, perAddressMax }: ConnectionLimits): void {
  if (Number.isFinite(max)) server.maxConnections = max
  if (!Number.isFinite(perAddressMax)) return
  const countOf = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket.remoteAddress ?? '', null, 0)
    const count = countOf.get(address) ?? 0
    if (count >= perAddressMax) return socket.destroy()
    countOf.set(address, count + 1)
    socket.once('close', () => {
      const left = (countOf.get(address) ?? 0) - 1
      if (left > 0) countOf.set(address, left)
      else countOf.delete(address)
    })
  })
}

/**
 * Follows the connections of a server and returns what ends them gracefully: at once those without a request under
 * way, the others after their answer. Node's own `closeIdleConnections` spares a connection that was opened and not
 * used yet, as browsers and `fetch` do in advance, and a server that closes would wait for it.
 */
export function trackConnections(server: Server): () => void {
  const underWay = new Map<Socket, number>()
  let ending = false
  // Shared by all connections: thousands of them are open, and each would hold its own.
  function gone(this: Socket): void {
    underWay.delete(this)
  }
  function answered(this: ServerResponse): void {
    const { socket } = this.req
    const left = (underWay.get(socket) ?? 0) - 1
    if (underWay.has(socket)) underWay.set(socket, left)
    if (ending && left <= 0) socket.end()
  }
  server.on('connection', (socket: Socket) => {
    underWay.set(socket, 0)
    socket.on('close', gone)
  })
  server.on('request', ({ socket }, response) => {
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1)
    if (ending) response.setHeader('connection', 'close')
    response.on('close', answered)
  })
  return () => {
    ending = true
    for (const [socket, requests] of underWay) if (requests === 0) socket.destroy()
  }
}

/** Breaks off answers that take longer than `msMax`, however slowly they are read; not to the second. */
export function limitAnswers(server: Server, msMax: number): void {
  const began = new Map<ServerResponse, number>()
  let looking: NodeJS.Timeout | undefined
  const look = (): void => {
    const now = performance.now()
    // In the order in which they began.
    for (const [response, since] of began) {
      if (now - since < msMax) break
      response.destroy()
    }
    if (began.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  function done(this: ServerResponse): void {
    began.delete(this)
  }
  server.on('request', (_request, response) => {
    began.set(response, performance.now())
    response.on('close', done)
    looking ??= setInterval(look, Math.min(1_000, msMax / 4)).unref()
  })
}
