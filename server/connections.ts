import type { Server } from 'node:http'
import type { Socket } from 'node:net'

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
