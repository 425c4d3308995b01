import { describe, expect, test } from 'vitest'
import { createServer, json, problemOf, pullRequest, pushed, pushRequest, runOf } from './handler.fixture.ts'
import { listen, liveRequest } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncEvent } from './observe.ts'
import type { SyncHandlerOptions } from './options.ts'
import { nothing } from './sequence.ts'
import { StoreError, type StoreFailure } from './store-error.ts'

const away = (failure: StoreFailure = 'unavailable') => ({
  ...memoryStore(),
  range: () => Promise.reject(new StoreError('test/away', failure, 'away')),
})

function observed(options: Partial<SyncHandlerOptions<never>> = {}) {
  const events: SyncEvent[] = []
  const server = createServer({ ...options, observe: (event) => events.push(event) })
  const of = <T extends SyncEvent['type']>(type: T) =>
    events.filter((event): event is Extract<SyncEvent, { type: T }> => event.type === type)
  return { ...server, events, of }
}

describe('an observer', () => {
  test('hears of each request: where it went, who asked, what became of it', async () => {
    const { handler, of } = observed({
      authenticate: (request) => request.headers.get('authorization') ?? undefined,
      authorize: ({ log }) => log !== 'secret',
    })
    const headers = { ...json, authorization: 'ann' }
    await handler(pushRequest(runOf([{ id: 'a' }]), headers), { requestId: 'r1' })
    await handler(pushRequest(runOf([{ id: 'b' }])), { requestId: 'r2' })
    await handler(pushRequest('{', headers))
    await handler(new Request('http://x/elsewhere'))
    await handler(pushRequest(runOf([]), headers, '/sync/secret/push'))
    const figures = of('request').map(({ requestId, route, method, log, actor, status, problem }) =>
      [requestId, route, method, log, actor, status, problem].map((one) => one ?? '-').join(' '),
    )
    expect(figures).toEqual([
      'r1 push POST cart ann 200 -',
      'r2 push POST cart - 401 unauthenticated',
      '- push POST cart ann 400 json',
      '- - GET - - 404 not-found',
      '- push POST secret - 403 forbidden',
    ])
    expect(of('request').every(({ durationMs }) => durationMs >= 0)).toBe(true)
  })
  test('hears of verdicts and of what was appended', async () => {
    const { handler, of } = observed()
    await pushed(handler, [{ id: 'a' }, { id: 'b', events: [{ stream: 's' }, { stream: 's' }] }])
    await pushed(handler, [{ id: 'a' }, { id: 'c' }, { id: 'c' }])
    const other = { position: 2, digest: '1'.repeat(16) }
    await pushed(handler, [{ id: 'd' }], other)
    const none = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, held: 0 }
    expect(of('push').map(({ outcome, verdicts }) => [outcome, verdicts])).toEqual([
      ['verdicts', { ...none, accepted: 2 }],
      ['verdicts', { ...none, accepted: 1, duplicate: 2 }],
      ['diverged', none],
    ])
    expect(of('append').map(({ log, commits, events }) => [log, commits, events])).toEqual([
      ['cart', 2, 3],
      ['cart', 1, 1],
    ])
  })
  test('hears when somebody waits, is woken, and goes', async () => {
    const { handler, of } = observed()
    const stream = listen(await handler(liveRequest()))
    await stream.next()
    const pulling = handler(pullRequest(nothing, '&waitMs=20000'))
    await expect.poll(() => of('wait-began').map(({ route }) => route)).toEqual(['live', 'pull'])
    await pushed(handler, [{ id: 'a' }])
    await pulling
    await stream.next()
    await stream.cancel()
    expect(of('wait-ended').map(({ route }) => route)).toEqual(['pull', 'live'])
    expect(of('wake')).toHaveLength(1)
    // Who pushed and who is woken by it are answered in either order.
    const answered = of('request').map(({ route, isWaiting }) => `${route}${isWaiting ? ', waiting' : ''}`)
    expect(answered.sort()).toEqual(['live', 'pull, waiting', 'push'])
  })
  test('hears of each call of the store, and what it failed with', async () => {
    const { handler, of } = observed({ store: away() })
    await handler(pullRequest(nothing))
    expect(of('store-call').map(({ call, error }) => [call, error])).toEqual([
      ['digestAt', undefined],
      ['range', expect.objectContaining({ code: 'test/away' })],
    ])
  })
  test('hears the end of a stream that the store has failed', async () => {
    const store = memoryStore()
    let isAway = false
    const failing = {
      ...store,
      range: async (...given: Parameters<typeof store.range>) => {
        if (isAway) throw new StoreError('test/away', 'unavailable', 'away')
        return store.range(...given)
      },
    }
    const told: unknown[] = []
    const { handler, of } = observed({ store: failing, onError: (_error, about) => told.push(about) })
    const stream = listen(await handler(liveRequest(), { requestId: 'r9' }))
    await stream.next()
    const failed = stream.next()
    await expect.poll(() => of('store-call').some(({ call }) => call === 'range')).toBe(true)
    isAway = true
    await pushed(createServer({ store }).handler, [{ id: 'a' }])
    await expect(failed).rejects.toThrow('the live stream failed')
    expect(of('wait-ended')).toEqual([{ type: 'wait-ended', requestId: 'r9', route: 'live' }])
    expect(told).toEqual([{ requestId: 'r9' }])
  })
  test('that throws disturbs nobody, and is reported', async () => {
    const errors: unknown[] = []
    const { handler } = createServer({
      onError: (error) => errors.push(error),
      observe: () => {
        throw new Error('no')
      },
    })
    expect(await pushed(handler, [{ id: 'a' }])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(errors.length).toBeGreaterThan(0)
  })
  test('hears nothing of what is in a commit, nor of credentials', async () => {
    const { handler, events } = observed({ authenticate: () => 'ann' })
    const headers = { ...json, authorization: 'Bearer s3cret' }
    await handler(pushRequest(runOf([{ id: 'a', events: [{ stream: 'SecretName', type: 'SecretType' }] }]), headers))
    expect(events.length).toBeGreaterThan(3)
    expect(JSON.stringify(events)).not.toMatch(/s3cret|Secret|Bearer/)
  })
})

describe('a store that can not be used', () => {
  test.for(['unavailable', 'full', 'refused', 'newer-format'] as const)(
    'is answered 503 with Retry-After: %s',
    async (failure) => {
      const { handler, errors } = createServer({ store: away(failure) })
      const response = await handler(pushRequest(runOf([{ id: 'a' }])))
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await problemOf(response)).toBe('503 store-unavailable')
      expect(errors).toMatchObject([{ code: 'test/away', failure }])
    },
  )
  test('is told of with the id of the request', async () => {
    const told: unknown[] = []
    const { handler } = createServer({ store: away(), onError: (_error, about) => told.push(about) })
    await handler(pullRequest(nothing), { requestId: 'r7' })
    expect(told).toEqual([{ requestId: 'r7' }])
  })
  test('is told from a fault of ours, which is answered 500', async () => {
    const { handler } = createServer({ store: { ...memoryStore(), head: () => Promise.reject(new Error('bug')) } })
    const other = { position: 1, digest: '1'.repeat(16) }
    expect(await problemOf(await handler(pullRequest(other)))).toBe('500 internal')
  })
})
