import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Unlike `once`, this takes a reset for an end like any other. */
export const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

/** A connection that says exactly what it is told, and all that it is answered until it ends. */
export async function dial(
  port: number,
  text: string,
): Promise<{ readonly socket: Socket; readonly answer: Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(text)
  const answer = (async () => {
    let all = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      all += String(chunk)
    })
    await closed(socket)
    return all
  })()
  return { socket, answer }
}

/** The head of a request. */
export const head = (line: string, ...more: string[]): string =>
  [`${line} HTTP/1.1`, 'host: x', 'tidelog-protocol: 1', ...more, '', ''].join('\r\n')
