import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createServer, json, problemOf, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import { liveRequest, manualClock } from './live.fixture.ts'
import { createRate } from './rate.ts'
import { nothing } from './sequence.ts'

describe('a rate', () => {
  test('gives a burst at once, then one turn after the other, and says how long to wait', () => {
    const clock = manualClock()
    const rate = createRate({ perSecond: 10, burst: 3, clock })
    expect([1, 2, 3, 4].map(() => rate.take('a'))).toEqual([0, 0, 0, 100])
    clock.advance(99)
    expect(rate.take('a')).toBe(1)
    clock.advance(1)
    expect([rate.take('a'), rate.take('a')]).toEqual([0, 100])
    clock.advance(10_000)
    expect([1, 2, 3, 4].map(() => rate.take('a'))).toEqual([0, 0, 0, 100])
  })
  test('is counted for each client', () => {
    const rate = createRate({ perSecond: 1, burst: 1, clock: manualClock() })
    expect([rate.take('a'), rate.take('a'), rate.take('b'), rate.take('b')]).toEqual([0, 1_000, 0, 1_000])
  })
  test('takes nothing from who is refused, and lends to who was let in', () => {
    const clock = manualClock()
    const rate = createRate({ perSecond: 1, burst: 2, clock })
    rate.charge('a', 3)
    expect([1, 2, 3].map(() => rate.take('a'))).toEqual([2_000, 2_000, 2_000])
    clock.advance(2_000)
    expect(rate.take('a')).toBe(0)
  })
  test('shuts nobody out for longer than two bursts take, whatever is owed and wherever the clock goes', () => {
    let now = 1_000_000
    const rate = createRate({ perSecond: 1, burst: 10, clock: { now: () => now, after: () => () => {} } })
    rate.charge('a', 1e9)
    expect(rate.take('a')).toBe(11_000)
    now += 11_000
    expect(rate.take('a')).toBe(0)
    now -= 500_000
    expect(rate.take('a')).toBe(11_000)
    now += 11_000
    expect(rate.take('a')).toBe(0)
  })
  test('remembers so many clients, and forgets the one that was not heard of for longest', () => {
    const rate = createRate({ perSecond: 1, burst: 1, clock: manualClock(), clientsMax: 3 })
    for (const client of ['a', 'b', 'c']) rate.take(client)
    rate.charge('a', 1)
    rate.take('d')
    expect(rate.count()).toBe(3)
    expect([rate.take('a') > 0, rate.take('b')]).toEqual([true, 0])
    for (let nth = 0; nth < 10_000; nth++) rate.take(`${nth}`)
    expect(rate.count()).toBe(3)
  })
  test('lets through in any time no more than the burst and what that time gives', () => {
    const steps = fc.array(fc.nat(3_000), { maxLength: 200 })
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 50 }),
        (waits, perSecond, burst) => {
          const clock = manualClock()
          const rate = createRate({ perSecond, burst, clock })
          const taken: number[] = []
          for (const ms of waits) {
            clock.advance(ms)
            if (rate.take('a') === 0) taken.push(clock.now())
          }
          taken.forEach((from, first) => {
            taken.slice(first).forEach((to, more) => {
              expect(more + 1).toBeLessThanOrEqual(burst + ((to - from) * perSecond) / 1_000 + 1e-6)
            })
          })
        },
      ),
    )
  })
  test('without end costs no memory', () => {
    const rate = createRate({ perSecond: Number.POSITIVE_INFINITY, burst: 1, clock: manualClock() })
    for (let nth = 0; nth < 100; nth++) expect(rate.take('a')).toBe(0)
    rate.charge('a', 9)
    expect(rate.count()).toBe(0)
  })
  test('of nothing is refused when the handler is made', () => {
    for (const limits of [{ requestsPerSecond: 0 }, { requestsPerSecond: Number.NaN }, { requestsBurst: 0 }])
      expect(() => createServer({ limits })).toThrow(/requests/)
  })
})

const authenticate = (request: Request): string | undefined => request.headers.get('x-user') ?? undefined
const as = (request: Request, name: string): Request =>
  new Request(request, { headers: { ...Object.fromEntries(request.headers), 'x-user': name } })

describe('a client that asks too much', () => {
  test('is answered 429 and when to come back, actor by actor, wherever it comes from', async () => {
    const clock = manualClock()
    const { handler, errors } = createServer({
      authenticate,
      clock,
      limits: { requestsPerSecond: 0.5, requestsBurst: 2 },
    })
    const ask = (name: string, address: string): Promise<Response> =>
      handler(as(pullRequest(nothing), name), { address })
    expect([(await ask('ann', '::1')).status, (await ask('ann', '::2')).status]).toEqual([200, 200])
    const refused = await ask('ann', '::3')
    expect([refused.headers.get('retry-after'), refused.headers.get('tidelog-protocol')]).toEqual(['2', '1'])
    expect(await problemOf(refused)).toBe('429 too-many-requests')
    expect((await ask('bob', '::1')).status).toBe(200)
    clock.advance(2_000)
    expect((await ask('ann', '::1')).status).toBe(200)
    expect(errors).toEqual([])
  })
  test('is told from others by its address when it has no actor, and not at all when nobody knows that', async () => {
    const { handler } = createServer({ clock: manualClock(), limits: { requestsPerSecond: 1, requestsBurst: 1 } })
    const ask = async (address?: string): Promise<number> => (await handler(pullRequest(nothing), { address })).status
    expect([await ask('::1'), await ask('::1'), await ask('::2')]).toEqual([200, 429, 200])
    for (let nth = 0; nth < 10; nth++) expect((await handler(pullRequest(nothing))).status).toBe(200)
    expect(await ask()).toBe(200)
  })
  test('takes nothing from the same name in another tenant, however both are cut', async () => {
    const limits = { requestsPerSecond: 1, requestsBurst: 1 }
    const tenantOf = ({ headers }: { headers: Headers }): string => headers.get('x-tenant') ?? 'none'
    const { handler } = createServer({ authenticate, tenantOf, clock: manualClock(), limits })
    const ask = async (tenant: string, name: string): Promise<number> => {
      const request = as(pullRequest(nothing), name)
      request.headers.set('x-tenant', tenant)
      return (await handler(request, { address: '::1' })).status
    }
    expect([await ask('a', 'ann'), await ask('b', 'ann'), await ask('aa', 'nn')]).toEqual([200, 200, 200])
    expect([await ask('a', 'ann'), await ask('aa', 'nn')]).toEqual([429, 429])
  })
  test('pays for large bodies as for several requests', async () => {
    const clock = manualClock()
    const { handler } = createServer({ authenticate, clock, limits: { requestsPerSecond: 1, requestsBurst: 10 } })
    const push = async (data: string): Promise<number> =>
      (await handler(as(pushRequest({ ...runOf([]), data }), 'ann'))).status
    expect(await push('x'.repeat(99_000))).toBe(200)
    expect(await push('x'.repeat(800_000))).toBe(200)
    // 1, and 1 with 8 more.
    expect([await push(''), clock.advance(999), await push('')]).toEqual([429, undefined, 429])
    clock.advance(1)
    expect(await push('')).toBe(200)
  })
  test('is not asked about: its request costs the application nothing', async () => {
    const asked: string[] = []
    const { handler } = createServer({
      authenticate,
      authorize: ({ log }) => asked.push(log) > 0,
      limits: { requestsPerSecond: 1, requestsBurst: 1 },
      clock: manualClock(),
    })
    for (let nth = 0; nth < 5; nth++) await handler(as(pullRequest(nothing), 'ann'))
    expect(asked).toEqual(['cart'])
  })
})

describe('live streams and waiting pulls', () => {
  test('of one client are so many, together, and those that ended no longer count', async () => {
    const { handler } = createServer({ authenticate, limits: { clientStreamsMax: 2 } })
    const live = (name: string, signal?: AbortSignal): Promise<Response> => {
      const request = liveRequest(nothing, signal)
      return handler(new Request(request, { headers: { ...json, 'x-user': name } }))
    }
    const first = await live('ann')
    const abort = new AbortController()
    const waiting = handler(
      new Request(pullRequest(nothing, '&waitMs=25000'), {
        headers: { ...json, 'x-user': 'ann' },
        signal: abort.signal,
      }),
    )
    await expect.poll(handler.liveCount).toBe(2)
    const third = await live('ann')
    expect(third.headers.get('retry-after')).toBe('5')
    expect(await problemOf(third)).toBe('429 too-many-streams')
    expect(await problemOf(await handler(as(pullRequest(nothing, '&waitMs=10'), 'ann')))).toBe('429 too-many-streams')
    // What does not wait is answered all the same.
    expect((await handler(as(pullRequest(nothing), 'ann'))).status).toBe(200)
    const other = await live('bob')
    expect(other.status).toBe(200)
    await first.body?.cancel()
    abort.abort()
    await waiting
    expect(handler.liveCount()).toBe(1)
    const again = [await live('ann'), await live('ann')]
    expect(again.map(({ status }) => status)).toEqual([200, 200])
    handler.stop()
    expect(handler.liveCount()).toBe(0)
    for (const { body } of [other, ...again]) await body?.cancel()
  })
  test('of clients that nothing tells apart are bounded only together', async () => {
    const { handler } = createServer({ limits: { clientStreamsMax: 1, liveStreamsMax: 3 } })
    const all = await Promise.all([1, 2, 3, 4].map(() => handler(liveRequest())))
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 503])
    for (const { body } of all) await body?.cancel()
  })
})
