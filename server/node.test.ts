import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { isManifest } from '../src/protocol/sync.ts'
import { createServer, json, pulled, runOf } from './handler.fixture.ts'
import { listen as listenTo } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { closed, dial, head } from './node.fixture.ts'
import { type Listening, type ListenOptions, listen } from './node.ts'
import type { SyncLimits } from './options.ts'
import { sketchesOf, small, toldStore } from './segments.fixture.ts'
import { nothing, sequence } from './sequence.ts'
import type { LogStore } from './store.ts'

const open: Listening[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function serve(
  options: Partial<ListenOptions> & { readonly limits?: Partial<SyncLimits>; readonly store?: LogStore } = {},
) {
  const { limits = {}, store = memoryStore(), ...rest } = options
  const server = createServer({ limits, store })
  const listening = await listen({ handler: server.handler, port: 0, timeouts: { closeMs: 500 }, ...rest })
  open.push(listening)
  return { ...server, ...listening }
}

const livePath = `/sync/cart/live?position=0&digest=${nothing.digest}`
const post = (url: string, body: string): Promise<Response> =>
  fetch(`${url}/sync/cart/push`, { method: 'POST', headers: json, body })

/** A log without end of large commits, and word of when nobody watches it any more. */
function endlessStore(): { readonly store: LogStore; readonly reads: () => number; readonly unwatched: Promise<void> } {
  let reads = 0
  let unwatch = (): void => {}
  const unwatched = new Promise<void>((resolve) => {
    unwatch = resolve
  })
  const text = `"${'x'.repeat(900_000)}"`
  const store: LogStore = {
    ...memoryStore(),
    async range(_log, after) {
      reads++
      const commits = sequence([{ id: 'x', contentId: 'x.p', eventsCount: 1, text }], { ...nothing, position: after })
      return { commits, head: after + 1 }
    },
    watch: () => unwatch,
  }
  return { store, reads: () => reads, unwatched }
}

describe('the handler behind Node', () => {
  test('gives segments as they are, and 304 for what is known', async () => {
    const { store, said } = toldStore(memoryStore())
    const { url } = await serve({ store, limits: small })
    await post(url, JSON.stringify(runOf(sketchesOf(0, 13))))
    await said('added cart 10')
    const list = await fetch(`${url}/sync/cart/segments`, { headers: json })
    const manifest: unknown = await list.json()
    if (!isManifest(manifest) || manifest.segments[0] === undefined) throw new Error('no segment')
    const { hash, bytes } = manifest.segments[0]
    const file = await fetch(`${url}/sync/cart/segments/${hash}`, { headers: json })
    const body = Buffer.from(await file.arrayBuffer())
    expect([body.length, createHash('sha256').update(body).digest('hex')]).toEqual([bytes, hash])
    expect(file.headers.get('content-length')).toBe(`${bytes}`)
    for (const [path, etag] of [
      ['segments', list.headers.get('etag')],
      [`segments/${hash}`, file.headers.get('etag')],
    ]) {
      const same = await fetch(`${url}/sync/cart/${path}`, { headers: { ...json, 'if-none-match': etag ?? '' } })
      expect([same.status, same.headers.get('tidelog-protocol'), await same.text()]).toEqual([304, '1', ''])
    }
  })
  test('takes pushes and gives pulls', async () => {
    const { url, handler } = await serve()
    const answer = await post(url, JSON.stringify(runOf([{ id: 'A' }])))
    expect(await answer.json()).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(await pulled(handler)).toMatchObject({ commits: [{ id: 'A' }] })
  })
  test('sends what is live as it happens, and hears when the client goes', async () => {
    const { url, handler } = await serve()
    const abort = new AbortController()
    const live = listenTo(await fetch(url + livePath, { headers: json, signal: abort.signal }))
    expect(await live.next()).toEqual({ event: 'heartbeat' })
    await post(url, JSON.stringify(runOf([{ id: 'A' }])))
    expect(await live.next()).toMatchObject({ event: 'page', data: { commits: [{ id: 'A' }] } })
    abort.abort()
    await expect.poll(handler.liveCount, { interval: 5 }).toBe(0)
  })
  test('makes no more for a client that does not read than the sockets hold, and lets go of it after a while', async () => {
    const { store, reads, unwatched } = endlessStore()
    const { port, handler } = await serve({ store, limits: { liveBytesMax: 1_000_000 }, timeouts: { idleMs: 300 } })
    const { socket } = await dial(port, head(`GET ${livePath}`))
    socket.pause()
    await unwatched
    expect(handler.liveCount()).toBe(0)
    expect(reads()).toBeGreaterThan(0)
    expect(reads()).toBeLessThan(60)
    socket.destroy()
  })
  test('keeps a live stream that says nothing but heartbeats for longer than the idle time', async () => {
    const { url } = await serve({ limits: { heartbeatMs: 40 }, timeouts: { idleMs: 150, closeMs: 500 } })
    const live = listenTo(await fetch(url + livePath, { headers: json }))
    for (let beat = 0; beat < 10; beat++) expect(await live.next()).toEqual({ event: 'heartbeat' })
    await live.cancel()
  })
  test('stores nothing of a body that breaks off', async () => {
    const { port, handler, errors } = await serve()
    const body = JSON.stringify(runOf([{ id: 'A' }]))
    const { socket } = await dial(
      port,
      head('POST /sync/cart/push', 'content-type: application/json', `content-length: ${body.length}`) +
        body.slice(0, -2),
    )
    socket.end()
    await closed(socket)
    expect([(await pulled(handler)).head, errors]).toEqual([0, []])
  })
  test('ends an answer that is read too slowly to reach its end', async () => {
    const { store } = endlessStore()
    const timeouts = { idleMs: 60_000, answerMs: 300, closeMs: 500 }
    const { port, handler } = await serve({ store, limits: { liveBytesMax: 1_000_000 }, timeouts })
    const { socket, answer } = await dial(port, head(`GET ${livePath}`))
    // Now and then some of it, so that the connection is never idle.
    socket.pause()
    const sips = setInterval(() => socket.resume().once('data', () => socket.pause()), 10)
    expect(await answer).toMatch(/^HTTP\/1\.1 200/)
    clearInterval(sips)
    expect(handler.liveCount()).toBe(0)
  })
  test('serves others while hundreds read nothing and hundreds never finish what they send, and ends them all', async () => {
    const limits = { liveMsMax: 1_000, bodyMsMax: 1_000 }
    const { url, port, handler } = await serve({ limits, timeouts: { answerMs: 1_500, closeMs: 500 } })
    const body = head('POST /sync/cart/push', 'content-type: application/json', 'content-length: 9999')
    const calls = Array.from({ length: 200 }, async () => {
      const silent = await dial(port, head(`GET ${livePath}`, 'connection: close'))
      silent.socket.pause()
      const trickling = await dial(port, `${body}{`)
      const drops = setInterval(() => trickling.socket.write(' '), 100)
      const answer = await trickling.answer
      clearInterval(drops)
      await expect.poll(handler.liveCount, { interval: 20, timeout: 10_000 }).toBe(0)
      silent.socket.resume()
      return [answer, await silent.answer] as const
    })
    for (let n = 0; n < 5; n++) expect((await post(url, JSON.stringify(runOf([{ id: `A${n}` }])))).status).toBe(200)
    for (const [slow, silent] of await Promise.all(calls)) {
      expect(slow).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json.*too-slow/s)
      expect(silent).toMatch(/^HTTP\/1\.1 200/)
    }
    expect([handler.liveCount(), (await pulled(handler)).head]).toEqual([0, 5])
  })
  test('answers a pull that waits when something comes, and forgets it when its client goes', async () => {
    const { url, port, handler } = await serve()
    const pullPath = `/sync/cart/pull?position=0&digest=${nothing.digest}&waitMs=25000`
    const gone = await dial(port, head(`GET ${pullPath}`))
    const waiting = fetch(url + pullPath, { headers: json })
    await expect.poll(handler.liveCount, { interval: 5 }).toBe(2)
    gone.socket.destroy()
    await expect.poll(handler.liveCount, { interval: 5 }).toBe(1)
    await post(url, JSON.stringify(runOf([{ id: 'A' }])))
    expect(await (await waiting).json()).toMatchObject({ commits: [{ id: 'A' }] })
    expect(handler.liveCount()).toBe(0)
  })
  test('ends a request whose rest never comes', async () => {
    const { port } = await serve({ timeouts: { headersMs: 100, requestMs: 200, closeMs: 500 } })
    const half = await dial(port, 'GET /sync/cart/pull HTTP/1.1\r\nhost: x\r\n')
    const body = await dial(port, head('POST /sync/cart/push', 'content-type: application/json', 'content-length: 9'))
    expect(await half.answer).toMatch(/^HTTP\/1\.1 408/)
    expect(await body.answer).toMatch(/^HTTP\/1\.1 (408|400)/)
  })
  test('answers while a body that is too large is still being sent', async () => {
    const { url } = await serve({ limits: { bodyBytesMax: 1_000 } })
    const request = httpRequest(`${url}/sync/cart/push`, {
      method: 'POST',
      headers: { ...json, 'transfer-encoding': 'chunked' },
    })
    request.on('error', () => {})
    request.write(' '.repeat(5_000))
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(413)
    request.destroy()
  })
  test('answers what can not be made a request with a problem', async () => {
    const { port, errors } = await serve()
    for (const text of [
      'GET /sync/cart/pull HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n',
      'GET http://[/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      '\u0016\u0003\u0001 no HTTP at all\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`,
      head('POST /sync/cart/push', 'content-type: application/json', 'transfer-encoding: chunked').concat('ZZ\r\n'),
    ]) {
      const answer = await (await dial(port, text)).answer
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d .*application\/problem\+json.*"status":4/s)
      expect(answer).not.toMatch(/\.js|\.ts|node_modules/)
    }
    expect(errors).toEqual([])
  })
  test('rejects when the port is taken', async () => {
    const { port, handler } = await serve()
    await expect(listen({ handler, port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('a server that closes', () => {
  test('ends live streams with `stopped`, and lets a request under way finish', async () => {
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const inner = memoryStore()
    let reached = (): void => {}
    const appending = new Promise<void>((resolve) => {
      reached = resolve
    })
    const store: LogStore = {
      ...inner,
      async append(...args) {
        reached()
        await held
        return inner.append(...args)
      },
    }
    const { url, close } = await serve({ store, timeouts: { closeMs: 5_000 } })
    const live = listenTo(await fetch(url + livePath, { headers: json }))
    await live.next()
    const pushing = post(url, JSON.stringify(runOf([{ id: 'A' }])))
    await appending
    const closing = close()
    expect(await live.next()).toEqual({ event: 'stopped', data: { protocol: 1, head: 0 } })
    expect(await live.next()).toBeUndefined()
    letGo()
    expect(await (await pushing).json()).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(await closing).toEqual({ hasCutOff: false })
    await expect(fetch(url)).rejects.toThrow()
  })
  test('does not wait for connections without a request, used before or not', async () => {
    const { url, port, close } = await serve({ timeouts: { closeMs: 60_000 } })
    await (await post(url, JSON.stringify(runOf([{ id: 'A' }])))).json()
    const { answer } = await dial(port, '')
    expect(await close()).toEqual({ hasCutOff: false })
    expect(await answer).toBe('')
  })
  test('does not wait for ever for a client that does not go on', async () => {
    const { url, port, close } = await serve({ timeouts: { closeMs: 50 } })
    const { answer } = await dial(
      port,
      head('POST /sync/cart/push', 'content-type: application/json', 'content-length: 9'),
    )
    // Others that came later were answered, so it has been heard.
    for (let nth = 0; nth < 3; nth++) await (await fetch(url)).text()
    expect(await close()).toEqual({ hasCutOff: true })
    expect(await answer).not.toMatch(/^HTTP\/1\.1 200/)
  })
})
