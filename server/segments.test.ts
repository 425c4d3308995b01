import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createServer, json, origin, problemOf } from './handler.fixture.ts'
import type { SyncHandler } from './handler.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncHandlerOptions } from './options.ts'
import { bytesOf, get, listOf, push, sketchesOf, small, toldStore } from './segments.fixture.ts'

/** A server with a log that has one segment of ten events, and the hash of that. */
async function withSegment(
  options: Partial<SyncHandlerOptions<never>> = {},
  headers: Record<string, string> = {},
): Promise<{ readonly handler: SyncHandler; readonly hash: string; readonly errors: readonly unknown[] }> {
  const { store, said } = toldStore(memoryStore())
  const own = createServer({ store, limits: small })
  await push(own.handler, sketchesOf(0, 13))
  await said('added cart 10')
  const [segment] = await listOf(own.handler)
  own.handler.stop()
  const { handler, errors } = createServer({ ...options, store, limits: small })
  expect((await handler(get('cart/segments', headers))).status).toBe(200)
  return { handler, hash: segment!.hash, errors }
}

const headersOf = (response: Response, ...names: readonly string[]): readonly (string | null)[] => [
  String(response.status),
  ...names.map((name) => response.headers.get(name)),
]

describe('the list of segments', () => {
  test('is empty for a log that is short, or that nobody has written to', async () => {
    const { handler } = createServer({ limits: small })
    await push(handler, sketchesOf(0, 12))
    for (const log of ['cart', 'other'])
      expect(await (await handler(get(`${log}/segments`))).json()).toEqual({ protocol: 1, segments: [] })
  })
  test('may be kept and is asked for again each time; one that has not changed is answered 304', async () => {
    const { handler, hash } = await withSegment()
    const response = await handler(get('cart/segments'))
    const said = headersOf(response, 'content-type', 'cache-control', 'tidelog-protocol', 'etag')
    const mark = response.headers.get('etag')
    expect(said).toEqual(['200', 'application/json', 'no-cache', '1', expect.stringMatching(/^"[0-9a-f]{16}"$/)])
    for (const etag of [`${mark}`, `W/${mark}`, `"x", ${mark}`, '*']) {
      const same = await handler(get('cart/segments', { 'if-none-match': etag }))
      const again = headersOf(same, 'etag', 'cache-control', 'tidelog-protocol')
      expect([...again, await same.text()]).toEqual(['304', mark, 'no-cache', '1', ''])
    }
    for (const etag of ['"none"', '"x"', hash, `x"${hash}"`])
      expect((await handler(get('cart/segments', { 'if-none-match': etag }))).status).toBe(200)
  })
  test('has another validator once there is another segment', async () => {
    const { store, said } = toldStore(memoryStore())
    const { handler } = createServer({ store, limits: small })
    const etags = new Set<string | null>()
    for (const last of [0, 10, 20]) {
      if (last > 0) await push(handler, sketchesOf(last, 20))
      if (last > 0) await said(`added cart ${last}`)
      etags.add((await handler(get('cart/segments'))).headers.get('etag'))
    }
    expect(etags.size).toBe(3)
  })
})

describe('the file of a segment', () => {
  test('is the bytes that its hash and its length were made of', async () => {
    const { handler, hash } = await withSegment()
    const [segment] = await listOf(handler)
    const file = await bytesOf(handler, hash)
    expect(createHash('sha256').update(file).digest('hex')).toBe(hash)
    expect(file.length).toBe(segment?.bytes)
  })
  test('may be kept by anybody for a month, and is never asked for again meanwhile', async () => {
    const { handler, hash } = await withSegment()
    const response = await handler(get(`cart/segments/${hash}`))
    const names = ['cache-control', 'tidelog-protocol', 'etag', 'content-encoding', 'content-type'] as const
    expect(headersOf(response, ...names)).toEqual([
      '200',
      'public, max-age=2592000, immutable',
      '1',
      `"${hash}"`,
      null,
      'application/octet-stream',
    ])
  })
  test('that is known already is answered 304', async () => {
    const { handler, hash } = await withSegment()
    const ask = async (etag: string): Promise<number> =>
      (await handler(get(`cart/segments/${hash}`, { 'if-none-match': etag }))).status
    expect([await ask(`"${hash}"`), await ask(`W/"x", W/"${hash}"`), await ask('*')]).toEqual([304, 304, 304])
    expect([await ask('"x"'), await ask(hash)]).toEqual([200, 200])
    const same = await handler(get(`cart/segments/${hash}`, { 'if-none-match': `"${hash}"` }))
    const said = headersOf(same, 'cache-control', 'tidelog-protocol', 'etag', 'content-type')
    expect(said).toEqual(['304', 'public, max-age=2592000, immutable', '1', `"${hash}"`, null])
  })
  test('is found under its own hash and in its own log only, and what is not found is not kept', async () => {
    const { handler, hash } = await withSegment()
    const wrong = [hash.replace(/^./, (c) => (c === '0' ? '1' : '0')), hash.toUpperCase(), hash.slice(1), `${hash}0`]
    const paths = [...wrong, '', '.', '%2e', `${hash}/`, `${hash}/x`, `%20${hash}`, `${hash}%00`, '*', '..%2fcart']
    for (const path of [...paths.map((end) => `cart/segments/${end}`), `other/segments/${hash}`, `cart/pull/${hash}`]) {
      const response = await handler(get(path))
      expect(response.headers.get('cache-control'), path).toBe('no-store')
      // A dot is taken out of the path on its way: what is left is the address of nothing.
      expect(await problemOf(response), path).toBe('404 not-found')
    }
    expect(await problemOf(await handler(get('cart/segments/../')))).toBe('404 not-found')
    expect(await problemOf(await handler(get('%00/segments')))).toBe('400 log-name')
    expect((await handler(get(`cart/x/../segments/${hash}`))).status).toBe(200)
  })
  test('is there in several logs under several hashes', async () => {
    const { store, said } = toldStore(memoryStore())
    const { handler } = createServer({ store, limits: small })
    await push(handler, sketchesOf(0, 13), 'one')
    await push(handler, sketchesOf(1, 13), 'two')
    await Promise.all([said('added one 10'), said('added two 10')])
    const [one, two] = [(await listOf(handler, 'one'))[0], (await listOf(handler, 'two'))[0]]
    expect((await handler(get(`one/segments/${one?.hash}`))).status).toBe(200)
    expect(await problemOf(await handler(get(`one/segments/${two?.hash}`)))).toBe('404 not-found')
  })
})

describe('a request for segments', () => {
  test('is a pull to whoever decides on it, and its answers are for one user only where users are told apart', async () => {
    const asked: unknown[] = []
    const { handler, hash } = await withSegment(
      {
        authenticate: (request) => request.headers.get('authorization') ?? undefined,
        authorize: ({ actor, log, action }) => {
          asked.push([actor?.id, log, action])
          return actor?.id === 'ann'
        },
      },
      { authorization: 'ann' },
    )
    for (const path of ['cart/segments', `cart/segments/${hash}`]) {
      expect(await problemOf(await handler(get(path)))).toBe('401 unauthenticated')
      expect(await problemOf(await handler(get(path, { authorization: 'eve' })))).toBe('403 forbidden')
      expect((await handler(get(path, { authorization: 'ann' }))).status).toBe(200)
    }
    expect(asked).toEqual(['ann', 'eve', 'ann', 'eve', 'ann'].map((name) => [name, 'cart', 'pull']))
    const file = await handler(get(`cart/segments/${hash}`, { authorization: 'ann' }))
    expect(file.headers.get('cache-control')).toBe('private, max-age=2592000, immutable')
  })
  test('of another method or protocol is refused', async () => {
    const { handler, hash } = await withSegment()
    for (const path of ['cart/segments', `cart/segments/${hash}`]) {
      for (const method of ['POST', 'HEAD', 'DELETE', 'OPTIONS']) {
        const response = await handler(new Request(`${origin}/sync/${path}`, { method, headers: json }))
        expect(headersOf(response, 'allow')).toEqual(['405', 'GET'])
      }
      expect(await problemOf(await handler(new Request(`${origin}/sync/${path}`)))).toBe('426 protocol')
    }
  })
  test('may come from a page of another origin, which may read the validator', async () => {
    const { handler, hash } = await withSegment({ cors: { origins: ['https://shop.test'] } })
    const asked = await handler(
      new Request(`${origin}/sync/cart/segments/${hash}`, {
        method: 'OPTIONS',
        headers: { origin: 'https://shop.test', 'access-control-request-method': 'GET' },
      }),
    )
    expect(headersOf(asked, 'access-control-allow-methods')).toEqual(['204', 'GET'])
    expect(asked.headers.get('access-control-allow-headers')).toMatch(/if-none-match.*tidelog-protocol/)
    for (const more of [{}, { 'if-none-match': `"${hash}"` }]) {
      const response = await handler(get(`cart/segments/${hash}`, { origin: 'https://shop.test', ...more }))
      expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.test')
      expect(response.headers.get('access-control-expose-headers')).toMatch(/tidelog-protocol.*etag/)
      expect(response.headers.get('vary')).toBe('origin')
    }
  })
  test('finds nothing where nothing is to be sealed, and segments of no events are refused at once', async () => {
    const { handler } = createServer({ limits: { segmentEvents: Number.POSITIVE_INFINITY, segmentBehind: 0 } })
    await push(handler, sketchesOf(0, 50))
    expect(await listOf(handler)).toEqual([])
    for (const segmentEvents of [0, -1, Number.NaN])
      expect(() => createServer({ limits: { segmentEvents } })).toThrow(`segmentEvents can't be ${segmentEvents}`)
  })
  test('finds nothing where the store keeps no segments, and all else works there', async () => {
    const { segments: _none, ...store } = memoryStore()
    const { handler, errors } = createServer({ store, limits: small })
    expect(await push(handler, sketchesOf(0, 30))).toBe(200)
    expect(await listOf(handler)).toEqual([])
    expect(await problemOf(await handler(get(`cart/segments/${'0'.repeat(64)}`)))).toBe('404 not-found')
    handler.stop()
    expect(errors).toEqual([])
  })
})
