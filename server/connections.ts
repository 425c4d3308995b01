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
