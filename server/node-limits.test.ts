import { afterEach, describe, expect, test } from 'vitest'
import { createServer, json, pulled, runOf } from './handler.fixture.ts'
import { closed, dial, head } from './node.fixture.ts'
import { type Listening, type ListenOptions, listen } from './node.ts'
import type { SyncLimits } from './options.ts'
import { nothing } from './sequence.ts'

const open: Listening[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function serve(options: Partial<ListenOptions> & { readonly limits?: Partial<SyncLimits> } = {}) {
  const { limits = {}, ...rest } = options
  const server = createServer({ limits })
  const listening = await listen({ handler: server.handler, port: 0, timeouts: { closeMs: 500 }, ...rest })
  open.push(listening)
  return { ...server, ...listening }
}

const pullPath = `/sync/cart/pull?position=0&digest=${nothing.digest}`
const livePath = `/sync/cart/live?position=0&digest=${nothing.digest}`
const pull = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url + pullPath, { headers: { ...json, ...headers } })

/** Whether a connection of its own is answered; the other end may break it off. */
async function isServed(port: number): Promise<boolean> {
  const { answer } = await dial(port, head(`GET ${pullPath}`, 'connection: close'))
  return (await answer).startsWith('HTTP/1.1 200')
}

describe('connections', () => {
  test('beyond the limit are broken off, and taken again when others have ended', async () => {
    const { port, handler } = await serve({ connectionsMax: 3 })
    const held = await Promise.all([1, 2, 3].map(() => dial(port, head(`GET ${livePath}`))))
    await expect.poll(handler.liveCount, { interval: 5 }).toBe(3)
    expect(await (await dial(port, head(`GET ${pullPath}`))).answer).toBe('')
    held[0]?.socket.destroy()
    await expect.poll(() => isServed(port), { interval: 10 }).toBe(true)
    for (const { socket } of held) socket.destroy()
  })
  test('of one address beyond its limit are broken off, where no proxy stands between', async () => {
    const { port, handler } = await serve({ connectionsPerAddressMax: 2, proxies: 0 })
    const held = await Promise.all([1, 2].map(() => dial(port, head(`GET ${livePath}`))))
    await expect.poll(handler.liveCount, { interval: 5 }).toBe(2)
    expect(await (await dial(port, head(`GET ${pullPath}`))).answer).toBe('')
    for (const { socket } of held) socket.destroy()
    await expect.poll(() => isServed(port), { interval: 10 }).toBe(true)
  })
  test('of a proxy are not counted as one client', async () => {
    for (const proxies of [{}, { proxies: 1 }]) {
      const { port } = await serve({ connectionsPerAddressMax: 1, ...proxies })
      const held = await dial(port, '')
      expect(await isServed(port)).toBe(true)
      held.socket.destroy()
    }
  })
})

describe('clients without an actor', () => {
  const limits = { requestsPerSecond: 0.001, requestsBurst: 2 }
  test('are counted by the address that the proxy in front has seen', async () => {
    const { url } = await serve({ limits, proxies: 1 })
    const from = async (address: string): Promise<number> =>
      (await pull(url, { 'x-forwarded-for': `198.51.100.9, ${address}` })).status
    const statuses = [
      await from('192.0.2.1'),
      await from('192.0.2.1'),
      await from('192.0.2.1'),
      await from('192.0.2.2'),
    ]
    expect(statuses).toEqual([200, 200, 429, 200])
  })
  test('can not choose what they are counted by', async () => {
    const { url } = await serve({ limits, proxies: 0 })
    const statuses: number[] = []
    for (let n = 0; n < 4; n++) statuses.push((await pull(url, { 'x-forwarded-for': `192.0.2.${n}` })).status)
    expect(statuses).toEqual([200, 200, 429, 429])
  })
  test('are not counted where nothing is said about proxies', async () => {
    const { url } = await serve({ limits })
    for (let n = 0; n < 5; n++) expect((await pull(url)).status).toBe(200)
  })
  test('are counted by a number of proxies only', async () => {
    const { handler } = createServer()
    for (const proxies of [-1, 1.5, Number.NaN])
      await expect(listen({ handler, port: 0, proxies })).rejects.toThrow('proxies')
  })
})

describe('a connection that is kept busy', () => {
  test('by a head that comes byte by byte ends, however steadily it comes', async () => {
    const { port, url } = await serve({ timeouts: { headersMs: 300, closeMs: 500 } })
    const calls = await Promise.all(
      Array.from({ length: 100 }, () => dial(port, 'GET /sync/cart/pull HTTP/1.1\r\nx: ')),
    )
    const drops = setInterval(() => {
      for (const { socket } of calls) if (socket.writable) socket.write('x')
    }, 20)
    expect((await pull(url)).status).toBe(200)
    for (const { answer } of calls) expect(await answer).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json/s)
    clearInterval(drops)
  })
  test('by nothing at all ends when it is idle for too long', async () => {
    const { port } = await serve({ timeouts: { idleMs: 200, closeMs: 500 } })
    const { socket } = await dial(port, '')
    await closed(socket)
  })
  test('by a body that comes byte by byte ends with 408, and nothing of it is stored', async () => {
    const { port, handler } = await serve({ limits: { bodyMsMax: 300 } })
    const body = JSON.stringify(runOf([{ id: 'A' }]))
    const length = `content-length: ${body.length}`
    const { socket, answer } = await dial(port, head('POST /sync/cart/push', 'content-type: application/json', length))
    let at = 0
    const drops = setInterval(() => socket.write(body[at++] ?? ''), 20)
    expect(await answer).toMatch(/^HTTP\/1\.1 408 .*too-slow/s)
    clearInterval(drops)
    expect([(await pulled(handler)).head, at < body.length]).toEqual([0, true])
  })
  test('by a head that is too large ends with 431', async () => {
    const { port } = await serve()
    for (const lines of [[`x: ${'x'.repeat(20_000)}`], Array.from({ length: 2_000 }, (_, n) => `x-${n}: ${n}`)]) {
      const { answer } = await dial(port, head(`GET ${pullPath}`, ...lines))
      expect(await answer).toMatch(/^HTTP\/1\.1 431 /)
    }
  })
})
