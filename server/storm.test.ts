import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { json, runOf } from './handler.fixture.ts'
import { head } from './node.fixture.ts'
import { bundle, type Running, run } from './process.fixture.ts'
import { nothing } from './sequence.ts'

const clients = Number(process.env.TIDELOG_STORM ?? 2_000)

/** A live stream that was cut comes back at once, again and again. */
async function follow(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(head(`GET /sync/cart/live?position=0&digest=${nothing.digest}`))
  await once(socket, 'data')
  return socket.resume()
}

/** Milliseconds that one push took, over a connection of its own. */
async function push(port: number, id: string): Promise<number> {
  const from = performance.now()
  const sent = request({
    port,
    host: '127.0.0.1',
    path: '/sync/cart/push',
    method: 'POST',
    headers: json,
    agent: false,
  })
  sent.end(JSON.stringify(runOf([{ id }])))
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  expect([response.statusCode, text.includes('"accepted"')]).toEqual([200, true])
  return performance.now() - from
}

async function ask({ child, line }: Running): Promise<{ readonly live: number; readonly heap: number }> {
  child.stdin?.write('?\n')
  const [live = 0, heap = 0] = ((await line()) ?? '').split(' ').map(Number)
  return { live, heap }
}

test('thousands of live streams that are cut and come back at once hold up neither pushes nor the memory', async () => {
  const server = run(await bundle('storm-server.fixture.ts'), [])
  const port = Number(await server.line())
  const storm = (): Promise<Socket[]> => Promise.all(Array.from({ length: clients }, () => follow(port)))
  const pushMs: number[] = []
  let sockets = await storm()
  expect((await ask(server)).live).toBe(clients)
  for (const socket of sockets) socket.destroy()
  await expect.poll(async () => (await ask(server)).live, { timeout: 30_000 }).toBe(0)
  const before = (await ask(server)).heap

  for (let round = 0; round < 2; round++) {
    for (const socket of sockets) socket.destroy()
    let isBack = false
    const back = storm().finally(() => {
      isBack = true
    })
    while (!isBack) {
      pushMs.push(await push(port, `${round}.${pushMs.length}`))
      // Ten a second: each one goes to every stream.
      await after(100)
    }
    sockets = await back
  }
  await expect.poll(async () => (await ask(server)).live, { timeout: 30_000 }).toBe(clients)
  pushMs.push(await push(port, 'last'))
  for (const socket of sockets) socket.destroy()
  await expect.poll(async () => (await ask(server)).live, { timeout: 30_000 }).toBe(0)
  await expect.poll(async () => (await ask(server)).heap - before, { timeout: 30_000 }).toBeLessThan(10_000_000)
  const sorted = pushMs.sort((a, b) => a - b)
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0
  const said = {
    pushes: sorted.length,
    medianMs: sorted[sorted.length >> 1],
    p99,
    heap: (await ask(server)).heap - before,
  }
  if (process.env.TIDELOG_STORM !== undefined) console.log(said)
  // What a device waits for an answer.
  expect(p99).toBeLessThan(30_000)
  server.child.stdin?.end('close\n')
  expect([await server.ended, server.said()]).toEqual([0, ''])
}, 120_000)
