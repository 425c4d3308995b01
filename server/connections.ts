import type { Server } from 'node:http'
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
  server.on('connection', (socket: Socket) => {
    underWay.set(socket, 0)
    socket.once('close', () => underWay.delete(socket))
  })
  server.on('request', ({ socket }, response) => {
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1)
    if (ending) response.setHeader('connection', 'close')
    response.once('close', () => {
      const left = (underWay.get(socket) ?? 0) - 1
      if (underWay.has(socket)) underWay.set(socket, left)
      if (ending && left <= 0) socket.end()
    })
  })
  return () => {
    ending = true
    for (const [socket, requests] of underWay) if (requests === 0) socket.destroy()
  }
}
