import { describe, expect, test } from 'vitest'
import { createServer, json, origin, problemOf, pulled, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import type { Cors } from './options.ts'
import { nothing } from './sequence.ts'

const shop = 'https://shop.test'
const serve = (cors?: Cors) => createServer(cors === undefined ? {} : { cors })
const from = (page: string): Record<string, string> => ({ ...json, origin: page })
const preflight = (page: string, endpoint = 'push', method = 'POST'): Request =>
  new Request(`${origin}/sync/cart/${endpoint}`, {
    method: 'OPTIONS',
    headers: { origin: page, 'access-control-request-method': method },
  })
/** What a browser goes by when it decides whether a page may see an answer. */
const allowed = ({ headers }: Response): readonly (string | null)[] => [
  headers.get('access-control-allow-origin'),
  headers.get('access-control-allow-credentials'),
]

describe('a page of another site', () => {
  test('is recognized by its whole origin and nothing like it', async () => {
    const { handler } = serve({ origins: [shop, 'http://localhost:5173'] })
    for (const page of [shop, 'http://localhost:5173'])
      expect(allowed(await handler(new Request(pullRequest(nothing), { headers: from(page) })))).toEqual([page, null])
    for (const page of [
      ...['https://shop.test.evil.test', 'https://evil-shop.test', 'https://sub.shop.test', 'http://shop.test', 'null'],
      ...[
        'https://shop.test:444',
        'https://shop.test/',
        'HTTPS://SHOP.TEST',
        'https://shop.test, https://evil.test',
        '*',
      ],
      ...['http://localhost:5174', 'file://', 'https://shop.test.', ' '],
    ]) {
      for (const request of [new Request(pullRequest(nothing), { headers: from(page) }), preflight(page)])
        expect(allowed(await handler(request)), page).toEqual([null, null])
      expect((await handler(preflight(page))).status, page).toBe(405)
    }
  })
  test('may never send cookies along, not even where all origins may call', async () => {
    for (const cors of [{ origins: [shop] }, { origins: '*' }] as const) {
      const { handler } = serve(cors)
      for (const request of [preflight(shop), new Request(pullRequest(nothing), { headers: from(shop) })])
        expect((await handler(request)).headers.get('access-control-allow-credentials')).toBeNull()
    }
  })
  test('without an origin of its own, such as a sandboxed frame, may call only where all may', async () => {
    expect((await serve({ origins: [shop] }).handler(preflight('null'))).status).toBe(405)
    const all = serve({ origins: '*' }).handler
    expect([(await all(preflight('null'))).status, allowed(await all(preflight('null')))[0]]).toEqual([204, '*'])
  })
  test('may use the headers of the protocol and those that the application adds, and no others', async () => {
    const headersOf = async (cors: Cors): Promise<readonly string[]> => {
      const answer = await serve(cors).handler(preflight(shop))
      return (answer.headers.get('access-control-allow-headers') ?? '').split(', ')
    }
    const own = ['authorization', 'content-type', 'content-encoding', 'if-none-match', 'tidelog-protocol']
    expect(await headersOf({ origins: [shop] })).toEqual(own)
    expect(await headersOf({ origins: [shop], headers: ['app-version'] })).toEqual([...own, 'app-version'])
  })
  test('is told the one method of each route, and nothing of routes that are not there', async () => {
    const { handler } = serve({ origins: [shop] })
    for (const [endpoint, method] of [
      ['push', 'POST'],
      ['pull', 'GET'],
      ['live', 'GET'],
      ['segments', 'GET'],
    ] as const) {
      const answer = await handler(preflight(shop, endpoint, 'DELETE'))
      expect([answer.status, answer.headers.get('access-control-allow-methods')]).toEqual([204, method])
    }
    expect(await problemOf(await handler(preflight(shop, 'burn')))).toBe('404 not-found')
  })
  test('asks without credentials whether it may: nobody is authenticated for that', async () => {
    const { handler } = createServer({
      cors: { origins: [shop] },
      authenticate: () => undefined,
      authorize: () => false,
    })
    expect((await handler(preflight(shop))).status).toBe(204)
  })
  test('that may call may read the protocol, when to come back and what is cached, also of a refusal', async () => {
    const { handler } = createServer({ cors: { origins: [shop] }, authorize: () => 'gone' })
    const refused = await handler(new Request(pullRequest(nothing), { headers: from(shop) }))
    expect([refused.status, ...allowed(refused)]).toEqual([410, shop, null])
    expect(refused.headers.get('access-control-expose-headers')).toBe('tidelog-protocol, retry-after, etag')
  })
  test('gets no answer that a cache made for another one', async () => {
    const { handler } = serve({ origins: [shop] })
    for (const request of [
      pullRequest(nothing),
      new Request(pullRequest(nothing), { headers: from(shop) }),
      new Request(`${origin}/sync/cart/segments`, { headers: from('https://evil.test') }),
      preflight('https://evil.test'),
    ])
      expect((await handler(request)).headers.get('vary')).toBe('origin')
  })
})

describe('what a page can send without asking first', () => {
  const simple = [
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ]
  const body = JSON.stringify(runOf([{ id: 'A' }]))

  test('pushes nothing, wherever everybody may call and whoever its cookies say it is', async () => {
    const asked: string[] = []
    const { handler } = createServer({
      cors: { origins: '*' },
      authenticate: (request) => {
        asked.push(request.url)
        return 'ann'
      },
    })
    for (const type of simple) {
      const headers = { 'content-type': type, cookie: 'session=ann', origin: 'https://evil.test' }
      const answer = await handler(pushRequest(body, headers))
      expect([await problemOf(answer), asked], type).toEqual(['426 protocol', []])
    }
    expect((await pulled(handler)).head).toBe(0)
  })
  test('pushes nothing with the header of the protocol either, unless it says that it is JSON', async () => {
    const { handler } = serve()
    for (const type of [...simple, 'application/jsonx', 'x/application/json', ''])
      expect(await problemOf(await handler(pushRequest(body, { ...json, 'content-type': type })))).toBe(
        '415 content-type',
      )
    expect((await pulled(handler)).head).toBe(0)
  })
  test('reads nothing: an image, a script or a form has no such header', async () => {
    const { handler } = serve({ origins: '*' })
    await handler(pushRequest(body))
    for (const path of ['pull', 'live', 'segments', `segments/${'0'.repeat(64)}`]) {
      const url = `${origin}/sync/cart/${path}?position=0&digest=${nothing.digest}`
      expect(await problemOf(await handler(new Request(url, { headers: { cookie: 'session=ann' } })))).toBe(
        '426 protocol',
      )
    }
  })
})
