import { describe, expect, test } from 'vitest'
import type { Commit } from '../src/core/commit.ts'
import { erasedType } from '../src/core/lifecycle.ts'
import { createServer, json, origin, problemOf, pulled, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import type { Sketch } from './judge.fixture.ts'
import { liveRequest } from './live.fixture.ts'
import type { Actor, SyncHandlerOptions } from './options.ts'
import { nothing } from './sequence.ts'

const authenticate = (request: Request): string | undefined => request.headers.get('authorization')?.slice(7)
const as = (name: string): Record<string, string> => ({ ...json, authorization: `Bearer ${name}` })
const verdictsOf = async (response: Response): Promise<readonly object[]> =>
  ((await response.json()) as { readonly verdicts: readonly object[] }).verdicts
const forbidden = { verdict: 'rejected', problem: { type: 'https://tidelog.dev/problems/forbidden' } }

/** As the how-to has it: everybody writes to streams of their own, and only the owner closes and erases. */
const authorizeCommit: SyncHandlerOptions<never>['authorizeCommit'] = ({ actor, commit }) =>
  actor?.id === 'owner' ||
  commit.events.every(({ type, stream }) => !type.startsWith('$') && stream.startsWith(`${actor?.id}/`))

describe('a commit', () => {
  test('that its actor may not append is rejected as forbidden, alone, and what stands behind it is held', async () => {
    const { handler, errors } = createServer({ authenticate, authorizeCommit })
    const run = (id: string, stream: string): Sketch => ({ id, events: [{ stream }] })
    const sketches = [run('A', 'ann/1'), run('B', 'bob/1'), run('C', 'ann/2')]
    expect(await verdictsOf(await handler(pushRequest(runOf(sketches), as('ann'))))).toMatchObject([
      { id: 'A', verdict: 'accepted' },
      { id: 'B', contentId: 'B.p', ...forbidden },
      { id: 'C', verdict: 'held' },
    ])
    // As a device would: without the one that it may not have.
    const rest = runOf([run('A', 'ann/1'), run('C', 'ann/2')])
    expect(await verdictsOf(await handler(pushRequest(rest, as('ann'))))).toMatchObject([
      { id: 'A', verdict: 'duplicate' },
      { id: 'C', verdict: 'accepted' },
    ])
    expect(errors).toEqual([])
  })
  test('with one event too many is not taken in part', async () => {
    const { handler } = createServer({ authenticate, authorizeCommit })
    const mixed = { id: 'A', events: [{ stream: 'ann/1' }, { stream: 'bob/1' }] }
    expect(await verdictsOf(await handler(pushRequest(runOf([mixed]), as('ann'))))).toMatchObject([forbidden])
    const answer = await handler(new Request(pullRequest(nothing), { headers: as('ann') }))
    expect(await answer.json()).toMatchObject({ head: 0 })
  })
  test('that closes or erases is decided like any other: only the owner may, whatever pattern it names', async () => {
    const { handler } = createServer({ authenticate, authorizeCommit })
    const endings: Sketch[] = [
      { id: 'close', events: [{ type: '$closed', stream: 'ann/1', data: {} }] },
      { id: 'erase', events: [{ type: erasedType, stream: 'ann/1', data: {} }] },
      { id: 'all', events: [{ type: erasedType, stream: '*', data: { isPattern: true } }] },
      { id: 'hidden', events: [{ stream: 'ann/1' }, { type: erasedType, stream: 'ann/*', data: { isPattern: true } }] },
    ]
    for (const ending of endings) {
      const [verdict] = await verdictsOf(await handler(pushRequest(runOf([ending]), as('ann'))))
      expect(verdict, ending.id).toMatchObject(forbidden)
    }
    expect(await verdictsOf(await handler(pushRequest(runOf(endings), as('owner'))))).toMatchObject(
      endings.map(({ id }) => ({ id, verdict: 'accepted' })),
    )
  })
  test('is shown as it would be stored, signed by the server, with the name that its clients have for the log', async () => {
    const shown: { actor: Actor | undefined; log: string; commit: Commit }[] = []
    const { handler } = createServer({
      authenticate,
      tenantOf: () => 'acme',
      authorizeCommit: (what) => shown.push(what) > 0,
    })
    const [commit] = (runOf([{ id: 'A', condition: { streams: ['s'] } }]) as { commits: object[] }).commits
    const forged = { ...commit, junk: 1, metadata: { actor: 'eve', note: 'n' } }
    await handler(pushRequest({ ...runOf([]), commits: [forged] }, as('ann')))
    const signed = { ...commit, metadata: { actor: 'ann', note: 'n' } }
    expect(shown).toEqual([{ actor: { id: 'ann' }, log: 'cart', commit: signed }])
  })
  test('is judged by nothing but `true`, given at once or later', async () => {
    const answers: unknown[] = [undefined, null, 0, 1, 'yes', {}, Promise.resolve(false), Promise.resolve('yes')]
    for (const answer of answers) {
      const { handler } = createServer({ authorizeCommit: () => answer as boolean })
      expect(await verdictsOf(await handler(pushRequest(runOf([{ id: 'A' }])))), String(answer)).toMatchObject([
        forbidden,
      ])
    }
    const { handler } = createServer({ authorizeCommit: async () => true })
    expect(await verdictsOf(await handler(pushRequest(runOf([{ id: 'A' }]))))).toMatchObject([{ verdict: 'accepted' }])
  })
  test('about which the application fails is answered 500 with the whole run: not knowing is not no', async () => {
    const failing = [() => Promise.reject(new Error('no database')), () => JSON.parse('{')]
    for (const authorizeCommit of failing) {
      const { handler, errors } = createServer({ authorizeCommit })
      const response = await handler(pushRequest(runOf([{ id: 'A' }])))
      expect([await problemOf(response), errors.length]).toEqual(['500 internal', 1])
      expect((await pulled(handler)).head).toBe(0)
    }
  })
  test('learns nothing of the schemas when it is forbidden', async () => {
    const asked: string[] = []
    const { handler } = createServer({
      authorizeCommit: () => false,
      validate: ({ id }) => {
        asked.push(id)
        return undefined
      },
    })
    await handler(pushRequest(runOf([{ id: 'A' }])))
    expect(asked).toEqual([])
  })
  test('can not be signed with another name in any way that JSON has', async () => {
    const metadatas = [
      '{"actor":"eve"}',
      '{"actor":"ann","actor":"eve"}',
      '{"\\u0061ctor":"eve"}',
      '{"__proto__":"eve","actor":"eve"}',
      '{"constructor":"eve","prototype":"eve","actor":"eve"}',
    ]
    for (const metadata of metadatas) {
      const commit = `{"id":"A","contentId":"A.p","time":"t","events":[{"type":"T","stream":"s","data":1}],"metadata":${metadata}}`
      const body = `{"protocol":1,"seen":{"position":0,"digest":"${nothing.digest}"},"commits":[${commit}]}`
      const signed = createServer({ authenticate: () => 'ann' }).handler
      await signed(pushRequest(body))
      expect((await pulled(signed)).commits[0]?.metadata?.actor, metadata).toBe('ann')
      const nameless = createServer().handler
      await nameless(pushRequest(body))
      const [stored] = (await pulled(nameless)).commits
      expect([stored?.id, stored?.metadata?.actor], metadata).toEqual(['A', undefined])
    }
  })
})

describe('an actor', () => {
  test('without an id is nobody, and one whose id could not be stored is a fault of the application', async () => {
    for (const nobody of [undefined, null, '']) {
      const { handler } = createServer({ authenticate: () => nobody as undefined })
      expect(await problemOf(await handler(pullRequest(nothing)))).toBe('401 unauthenticated')
    }
    for (const id of [7, '', {}, 'a\u0000', '\ud800', 'x'.repeat(513)]) {
      const { handler, errors } = createServer({ authenticate: () => ({ id }) as Actor })
      const response = await handler(pushRequest(runOf([{ id: 'A' }])))
      expect([await problemOf(response), errors.length]).toEqual(['500 internal', 1])
    }
    const { handler } = createServer({ authenticate: () => 'x'.repeat(512) })
    expect((await handler(pullRequest(nothing))).status).toBe(200)
  })
})

describe('a log', () => {
  const requests = (): readonly Request[] => [
    pushRequest(runOf([{ id: 'A' }])),
    pullRequest(nothing),
    liveRequest(),
    new Request(`${origin}/sync/cart/segments`, { headers: json }),
    new Request(`${origin}/sync/cart/segments/${'0'.repeat(64)}`, { headers: json }),
  ]
  test('that is forbidden, gone, or not for so old a client says which, on every route', async () => {
    const answers = [
      [false, '403 forbidden'],
      ['gone', '410 log-gone'],
      ['client-too-old', '426 client-too-old'],
    ] as const
    for (const [permission, problem] of answers)
      for (const request of requests()) {
        const { handler } = createServer({ authorize: async () => permission })
        const response = await handler(request)
        expect(response.headers.get('tidelog-protocol')).toBe('1')
        expect(await problemOf(response), request.url).toBe(problem)
      }
  })
  test('is for nobody where the application says anything but yes', async () => {
    for (const permission of [undefined, null, 1, 'yes', {}])
      for (const request of requests()) {
        const { handler } = createServer({ authorize: () => permission as boolean })
        expect(await problemOf(await handler(request)), request.url).toBe('403 forbidden')
      }
  })
  test('may be refused to old versions of the app by a header of its own', async () => {
    const { handler } = createServer({
      authorize: ({ headers }) => Number(headers.get('app-version')) >= 7 || 'client-too-old',
    })
    const from = (version: string): Request =>
      new Request(pullRequest(nothing), { headers: { ...json, 'app-version': version } })
    expect(await problemOf(await handler(from('6')))).toBe('426 client-too-old')
    expect((await handler(from('7'))).status).toBe(200)
    expect(await problemOf(await handler(pullRequest(nothing)))).toBe('426 client-too-old')
  })
})
