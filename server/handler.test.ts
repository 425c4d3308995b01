import { describe, expect, test } from 'vitest'
import { defineEvents, event } from '../src/core/event.ts'
import { defineLog } from '../src/core/model.ts'
import { protocolHeader } from '../src/protocol/sync.ts'
import {
  createServer,
  json,
  origin,
  problemOf,
  pulled,
  pullRequest,
  pushed,
  pushRequest,
  runOf,
} from './handler.fixture.ts'
import type { Action } from './options.ts'
import { nothing } from './sequence.ts'

const get = (path: string, headers: Record<string, string> = json): Request => new Request(origin + path, { headers })

describe('an address', () => {
  test('that leads nowhere is answered 404', async () => {
    const { handler } = createServer()
    const paths = [
      '/',
      '/sync',
      '/sync/',
      '/sync/cart',
      '/sync/cart/',
      '/sync/cart/burn',
      '/sync/cart/pull/',
      '/sink/cart/pull',
    ]
    for (const path of [...paths, '/sync/a/b/pull', '/sync/../cart/pull', '/sync/%2e%2e/cart/pull', '//sync/cart/pull'])
      expect(await problemOf(await handler(get(path))), path).toBe('404 not-found')
  })
  test('with an unusable name of a log is answered 400', async () => {
    const { handler } = createServer()
    for (const name of ['', '%', '%ff', '%00', 'a%0Ab', 'x'.repeat(257), '%E4%A'])
      expect(await problemOf(await handler(get(`/sync/${name}/pull`))), name).toBe('400 log-name')
  })
  test('names its log percent-encoded, and logs stay apart', async () => {
    const { handler } = createServer()
    for (const name of ['a/b', '..\\x', 'ä ö', '%2F', '🙂'])
      await handler(pushRequest(runOf([{ id: name }]), json, `/sync/${encodeURIComponent(name)}/push`))
    for (const name of ['a/b', '..\\x', 'ä ö', '%2F', '🙂']) {
      const answer = await handler(pullRequest(nothing, '', `/sync/${encodeURIComponent(name)}/pull`))
      expect(await answer.json()).toMatchObject({ commits: [{ id: name }] })
    }
    expect((await pulled(handler)).head).toBe(0)
  })
  test('lies under the base path that was chosen', async () => {
    const { handler } = createServer({ basePath: '/api/logs' })
    expect((await handler(pullRequest(nothing, '', '/api/logs/cart/pull'))).status).toBe(200)
    expect(await problemOf(await handler(pullRequest(nothing)))).toBe('404 not-found')
  })
})

describe('a request', () => {
  test('of the wrong method is told the right one', async () => {
    const { handler } = createServer()
    for (const [method, action, allow] of [
      ['GET', 'push', 'POST'],
      ['POST', 'pull', 'GET'],
      ['DELETE', 'live', 'GET'],
      ['HEAD', 'pull', 'GET'],
      ['OPTIONS', 'push', 'POST'],
    ] as const) {
      const response = await handler(new Request(`${origin}/sync/cart/${action}`, { method, headers: json }))
      expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    }
  })
  test('of another protocol version, or of none, is answered 426', async () => {
    const { handler } = createServer()
    for (const version of ['2', '', 'x', '1, 1'])
      expect(await problemOf(await handler(get('/sync/cart/pull', { [protocolHeader]: version })))).toBe('426 protocol')
    expect(await problemOf(await handler(get('/sync/cart/pull', {})))).toBe('426 protocol')
    expect(await problemOf(await handler(pushRequest({ ...runOf([]), protocol: 2 })))).toBe('426 protocol')
  })
  test('to pull names what it has seen and may lower the bounds of a page', async () => {
    const { handler } = createServer({ limits: { pageCommitsMax: 3 } })
    await pushed(handler, [{ id: 'A' }, { id: 'B' }, { id: 'C' }])
    expect((await pulled(handler, nothing, '&commitsMax=2')).commits).toHaveLength(2)
    expect((await pulled(handler, nothing, '&commitsMax=9')).commits).toHaveLength(3)
    expect((await pulled(handler, nothing, '&bytesMax=1')).commits).toHaveLength(1)
    for (const more of ['&commitsMax=0', '&commitsMax=-1', '&bytesMax=1e3', '&bytesMax='])
      expect(await problemOf(await handler(pullRequest(nothing, more)))).toBe('400 query')
    for (const query of [
      '',
      '?position=0',
      '?position=0&digest=x',
      '?position=-1&digest=0000000000000000',
      '?position=1e1&digest=0000000000000000',
      '?position=9007199254740993&digest=0000000000000000',
    ])
      expect(await problemOf(await handler(get(`/sync/cart/pull${query}`)))).toBe('400 seen')
  })
  test('that names a part of its query twice is refused: a proxy might go by the other one', async () => {
    const { handler } = createServer()
    for (const more of ['&position=1', '&digest=x', '&commitsMax=1&commitsMax=1', '&waitMs=1&waitMs=2'])
      expect(await problemOf(await handler(pullRequest(nothing, more))), more).toBe('400 query')
    expect(await problemOf(await handler(get(`/sync/cart/live?position=0&position=0&digest=${nothing.digest}`)))).toBe(
      '400 query',
    )
  })
  test('to pull from a log that it has not seen is told so', async () => {
    const { handler } = createServer()
    await pushed(handler, [{ id: 'A', events: [{ stream: 's' }, { stream: 's' }] }])
    for (const position of [1, 2, 3]) {
      const answer = await handler(pullRequest({ position, digest: 'ffffffffffffffff' }))
      expect(await answer.json()).toEqual({ protocol: 1, status: 'diverged', head: 2 })
    }
  })
  test('is answered with the protocol header and never cached, whatever becomes of it', async () => {
    const { handler } = createServer()
    for (const request of [
      pullRequest(nothing),
      get('/nowhere'),
      pushRequest('{'),
      pushRequest(runOf([{ id: 'A' }])),
    ]) {
      const { headers } = await handler(request)
      expect(headers.get(protocolHeader)).toBe('1')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('content-type')).toMatch(/^application\/(problem\+)?json$/)
    }
  })
  test('that meets an unexpected error learns nothing of its cause, and the server hears of it', async () => {
    const { handler, store, errors } = createServer()
    const broken = createServer({
      store: { ...store, digestAt: () => Promise.reject(new Error('secret of the disk')) },
    })
    const response = await broken.handler(pullRequest(nothing))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    expect(broken.errors).toEqual([new Error('secret of the disk')])
    const deaf = createServer({
      store: { ...store, digestAt: () => Promise.reject(new Error('x')) },
      onError: () => {
        throw new Error('y')
      },
    })
    expect(await problemOf(await deaf.handler(pullRequest(nothing)))).toBe('500 internal')
    expect([(await handler(pullRequest(nothing))).status, errors]).toEqual([200, []])
  })
})

describe('who asks', () => {
  const authenticate = (request: Request): string | undefined => request.headers.get('authorization')?.slice(7)
  const as = (name: string): Record<string, string> => ({ ...json, authorization: `Bearer ${name}` })

  test('is asked for credentials when it has none', async () => {
    const { handler } = createServer({ authenticate })
    const response = await handler(pullRequest(nothing))
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await problemOf(response)).toBe('401 unauthenticated')
  })
  test('gets the response that the application makes for it, with the protocol header', async () => {
    const { handler } = createServer({ authenticate: () => Response.json({ renew: true }, { status: 401 }) })
    const response = await handler(pullRequest(nothing))
    expect([response.status, response.headers.get(protocolHeader), await response.json()]).toEqual([
      401,
      '1',
      { renew: true },
    ])
  })
  test('may do what it is allowed, log by log and action by action', async () => {
    const asked: unknown[] = []
    const { handler } = createServer({
      authenticate,
      authorize: (what: { actor: { id: string } | undefined; log: string; action: Action }) => {
        asked.push([what.actor?.id, what.log, what.action])
        return what.action === 'pull'
      },
    })
    expect((await handler(new Request(pullRequest(nothing), { headers: as('ann') }))).status).toBe(200)
    expect(await problemOf(await handler(pushRequest(runOf([{ id: 'A' }]), as('ann'))))).toBe('403 forbidden')
    expect(asked).toEqual([
      ['ann', 'cart', 'pull'],
      ['ann', 'cart', 'push'],
    ])
    expect(await problemOf(await handler(get(`/sync/cart/live?position=0&digest=${nothing.digest}`, as('ann'))))).toBe(
      '403 forbidden',
    )
  })
  test('is stamped on every commit, and nobody can sign with another name', async () => {
    const forged = {
      ...runOf([]),
      commits: [
        { ...(runOf([{ id: 'A' }]) as { commits: object[] }).commits[0], metadata: { actor: 'eve', note: 'x' } },
      ],
    }
    const known = createServer({ authenticate: () => ({ id: 'ann', role: 'admin' }) })
    await known.handler(pushRequest(forged))
    expect((await pulled(known.handler)).commits[0]?.metadata).toEqual({ actor: 'ann', note: 'x' })
    const nameless = createServer()
    await nameless.handler(pushRequest(forged))
    expect((await pulled(nameless.handler)).commits[0]?.metadata).toEqual({ note: 'x' })
  })
})

describe('validation', () => {
  const amount = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof value === 'object' && value !== null && 'amount' in value && typeof value.amount === 'number'
          ? { value: { amount: value.amount } }
          : { issues: [{ message: 'must be a number', path: ['amount'] }] },
    },
  }
  const model = defineLog({
    name: 'bank',
    events: defineEvents({ Paid: event(amount, { version: 2, upcast: { 1: (data) => data } }) }),
  })
  const paid = (id: string, type: string, v: number, data: unknown) => ({
    id,
    events: [{ stream: 's', type, v, data }],
  })

  test('rejects data that the schema of its type and version refuses, and passes what the model does not know', async () => {
    const { handler } = createServer({ model })
    const answer = await pushed(handler, [
      paid('old', 'Paid', 1, {}),
      paid('newer', 'Paid', 3, {}),
      paid('unknown', 'Refunded', 2, {}),
      paid('inherited', 'toString', 1, {}),
      paid('right', 'Paid', 2, { amount: 1 }),
      paid('wrong', 'Paid', 2, { amount: '1' }),
    ])
    expect(answer).toMatchObject({
      verdicts: [
        ...Array(5).fill({ verdict: 'accepted' }),
        {
          id: 'wrong',
          verdict: 'rejected',
          problem: { title: 'The data of an event is invalid', detail: 'events[0].data.amount: must be a number' },
        },
      ],
    })
  })
  test('shows the application what would be stored: signed by the server, without what nobody knows', async () => {
    const seen: unknown[] = []
    const { handler } = createServer({
      authenticate: () => 'ann',
      validate: (commit) => {
        seen.push(commit)
        return undefined
      },
    })
    const sketch = { id: 'A', condition: { streams: ['s'] } }
    const [commit] = (runOf([sketch]) as { commits: object[] }).commits
    await handler(
      pushRequest({ ...runOf([]), commits: [{ ...commit, junk: 1, metadata: { actor: 'eve', note: 'n' } }] }),
    )
    expect(seen).toEqual([{ ...commit, metadata: { actor: 'ann', note: 'n' } }])
  })
  test('asks the application about each commit, with the actor and the log', async () => {
    const asked: unknown[] = []
    const { handler } = createServer({
      authenticate: () => 'ann',
      validate: async (commit, { actor, log }) => {
        asked.push([commit.id, actor?.id, log])
        return commit.id === 'B' ? { type: 'https://shop.test/closed', title: 'The shop is closed' } : undefined
      },
    })
    expect(await pushed(handler, [{ id: 'A' }, { id: 'B' }])).toMatchObject({
      verdicts: [
        { verdict: 'accepted' },
        { id: 'B', verdict: 'rejected', contentId: 'B.p', problem: { title: 'The shop is closed' } },
      ],
    })
    expect(asked).toEqual([
      ['A', 'ann', 'cart'],
      ['B', 'ann', 'cart'],
    ])
  })
})

describe('a page of another origin', () => {
  const from = (page: string, more: Record<string, string> = {}): Record<string, string> => ({
    ...json,
    origin: page,
    ...more,
  })
  const preflight = (page: string): Request =>
    new Request(`${origin}/sync/cart/push`, {
      method: 'OPTIONS',
      headers: { origin: page, 'access-control-request-method': 'POST' },
    })

  test('may call when it is listed, and may read problems too', async () => {
    const { handler } = createServer({ cors: { origins: ['https://shop.test'] } })
    const asked = await handler(preflight('https://shop.test'))
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-headers')).toContain(protocolHeader)
    for (const response of [asked, await handler(get('/sync/cart/pull', from('https://shop.test')))]) {
      expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.test')
      expect(response.headers.get('vary')).toBe('origin')
    }
  })
  test('may not call when it is not listed, or nothing is', async () => {
    for (const options of [{ cors: { origins: ['https://shop.test'] } }, {}]) {
      const { handler } = createServer(options)
      const response = await handler(preflight('https://evil.test'))
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([405, null])
    }
  })
  test('may call from anywhere when every origin is allowed', async () => {
    const { handler } = createServer({ cors: { origins: '*' } })
    expect((await handler(preflight('https://any.test'))).headers.get('access-control-allow-origin')).toBe('*')
  })
})
