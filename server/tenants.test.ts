import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { isManifest } from '../src/protocol/sync.ts'
import { createServer, json, origin, problemOf, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import { listen, liveRequest } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncHandlerOptions } from './options.ts'
import { sketchesOf, small, toldStore } from './segments.fixture.ts'
import { nothing } from './sequence.ts'
import { sqliteStore } from './sqlite-store.ts'
import type { LogStore } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidelog-tenants-'))
const sqlite = sqliteStore(join(folder, 'log.db'))
afterAll(async () => {
  await sqlite.close()
  rmSync(folder, { recursive: true })
})

/** An actor is `tenant:name`, as a token would say it. */
const authenticate = (request: Request): { id: string; tenant: string } | undefined => {
  const [tenant, id] = decodeURIComponent(request.headers.get('x-user') ?? '').split(':')
  return tenant && id ? { id, tenant } : undefined
}
const tenantOf = ({ actor }: { readonly actor: { readonly [claim: string]: unknown } | undefined }): string =>
  String(actor?.tenant)
const of = (tenant: string): Record<string, string> => ({ ...json, 'x-user': encodeURIComponent(`${tenant}:ann`) })
const path = (log: string, endpoint: string): string => `/sync/${encodeURIComponent(log)}/${endpoint}`

const serve = (store: LogStore) => createServer({ store, authenticate, tenantOf, limits: small })
const write = (handler: Handler, tenant: string, log: string, id = 'A'): Promise<Response> =>
  handler(pushRequest(runOf([{ id }]), of(tenant), path(log, 'push')))
const idsOf = async (handler: Handler, tenant: string, log: string): Promise<readonly string[]> => {
  const request = new Request(pullRequest(nothing, '', path(log, 'pull')), { headers: of(tenant) })
  const page = (await (await handler(request)).json()) as { readonly commits: readonly { readonly id: string }[] }
  return page.commits.map(({ id }) => id)
}
type Handler = ReturnType<typeof serve>['handler']

/** Names that a store, a file system, a proxy or a database might take for one another. */
const names = [
  ...['cart', 'Cart', 'CART', 'cart ', ' cart', 'cart/', '/cart', './cart', '../cart', 'a/../cart', 'cart/..', '%2f'],
  ...['a/cart', 'b/cart', 'a%2Fcart', 'A/cart', '...', '~', '*', '%', '%25', '?', '#', '&', ';', 'a\\cart'],
  // Latin and Cyrillic a, composed and decomposed, full width, ligature, dotless, without width, from right to left.
  ...[
    'c\u0430rt',
    'ä',
    'a\u0308',
    '\uff43art',
    'ﬁ',
    'fi',
    'ı',
    'i',
    'ca\u200brt',
    '\u202ecart',
    '\ufeffcart',
    'ß',
    'ss',
  ],
  ...[
    'x'.repeat(256),
    `${'x'.repeat(255)}y`,
    '\u{1f600}'.repeat(128),
    "'; DROP TABLE commits; --",
    '__proto__',
    'constructor',
  ],
]

describe.each([
  ['memory', memoryStore()],
  ['SQLite', sqlite],
])('tenants in one store (%s)', (_name, store) => {
  test('never meet, nor do two of their logs, whatever both are called', async () => {
    const { handler, errors } = serve(store)
    const tenants = ['a', 'b', 'A', 'a/b', 'a%2Fb', '..', '../b', '*', 'ä', 'a\u0308', '\u0430', 'x'.repeat(512)]
    // Each tenant with some, and two of them with all.
    const all = tenants.flatMap((tenant, nth) =>
      (nth < 2 ? names : names.slice(0, 14)).map((log) => ({
        tenant,
        log,
        id: `${tenants.indexOf(tenant)}.${names.indexOf(log)}`,
      })),
    )
    for (const { tenant, log, id } of all) expect((await write(handler, tenant, log, id)).status).toBe(200)
    for (const { tenant, log, id } of all) expect(await idsOf(handler, tenant, log), `${tenant} ${log}`).toEqual([id])
    expect(errors).toEqual([])
  })
})

const sealingFor = (tenantOf: NonNullable<SyncHandlerOptions<never>['tenantOf']>) => {
  const { store, said } = toldStore(memoryStore())
  return { ...createServer({ store, tenantOf, limits: small }), said }
}

/** What a store is asked for. */
async function storeLogOf([tenant, log]: readonly [string, string]): Promise<string | undefined> {
  const inner = memoryStore()
  const asked: string[] = []
  const range: LogStore['range'] = (name, ...more) => {
    asked.push(name)
    return inner.range(name, ...more)
  }
  const { handler } = createServer({ store: { ...inner, range }, tenantOf: () => tenant })
  expect((await handler(pullRequest(nothing, '', path(log, 'pull')))).status).toBe(200)
  return asked[0]
}

describe('a tenant', () => {
  test('gets nothing of the log of another one by any route', async () => {
    const { store, said } = toldStore(memoryStore())
    const { handler, errors } = serve(store)
    await handler(pushRequest(runOf(sketchesOf(0, 13)), of('a'), path('cart', 'push')))
    await said('added a/cart 10')
    const get = (tenant: string, endpoint: string): Promise<Response> =>
      handler(new Request(origin + path('cart', endpoint), { headers: of(tenant) }))
    const manifest: unknown = await (await get('a', 'segments')).json()
    if (!isManifest(manifest) || manifest.segments[0] === undefined) throw new Error('no segment')
    const file = `segments/${manifest.segments[0].hash}`
    expect((await get('a', file)).status).toBe(200)

    expect(await (await get('b', 'segments')).json()).toEqual({ protocol: 1, segments: [] })
    expect(await problemOf(await get('b', file))).toBe('404 not-found')
    const known = { ...of('b'), 'if-none-match': `"${manifest.segments[0].hash}"` }
    expect(await problemOf(await handler(new Request(origin + path('cart', file), { headers: known })))).toBe(
      '404 not-found',
    )
    expect(await idsOf(handler, 'b', 'cart')).toEqual([])
    for (const log of ['a/cart', '../a/cart', 'a%2Fcart', '/a/cart']) expect(await idsOf(handler, 'b', log)).toEqual([])
    // Where the other one's log ends can't be asked for either: to b such a log is another one.
    const { position, digest } = await store.head('a/cart')
    const asked = new Request(pullRequest({ position, digest }), { headers: of('b') })
    expect(await (await handler(asked)).json()).toEqual({ protocol: 1, status: 'diverged', head: 0 })

    const live = listen(await handler(new Request(liveRequest(), { headers: of('b') })))
    expect(await live.next()).toEqual({ event: 'heartbeat' })
    await write(handler, 'a', 'cart', 'secret')
    await write(handler, 'b', 'cart', 'own')
    expect(await live.next()).toMatchObject({ event: 'page', data: { head: 1, commits: [{ id: 'own' }] } })
    await live.cancel()
    expect((await get('a', file)).headers.get('cache-control')).toMatch(/^private,/)
    handler.stop()
    expect(errors).toEqual([])
  })
  test('stays apart from every other one, for any names', async () => {
    const unit = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
    const name = unit.map((text) => text.replace(/[\p{Cc}\p{Cs}]/gu, '/')).filter((text) => !/^\.{1,2}$/.test(text))
    await fc.assert(
      fc.asyncProperty(fc.tuple(name, name), fc.tuple(name, name), async (one, other) => {
        fc.pre(one.join('\n') !== other.join('\n'))
        expect(await storeLogOf(one)).not.toBe(await storeLogOf(other))
      }),
      { numRuns: 40 },
    )
  })
  test('without a name is a fault of the application, not the tenant of all who have none', async () => {
    for (const tenant of [undefined, null, '', 7, '\ud800', 'x'.repeat(513)]) {
      const { handler, errors } = createServer({ tenantOf: () => tenant as string })
      expect(await problemOf(await handler(pullRequest(nothing)))).toBe('500 internal')
      expect(errors).toHaveLength(1)
    }
  })
  test('can be told by the address that was asked', async () => {
    const { handler } = createServer({ tenantOf: ({ headers }) => headers.get('host') ?? '' })
    const at = (host: string): Record<string, string> => ({ ...json, host })
    await handler(pushRequest(runOf([{ id: 'A' }]), at('a.test')))
    const asked = async (host: string): Promise<unknown> =>
      (await handler(new Request(pullRequest(nothing), { headers: at(host) }))).json()
    expect(await asked('a.test')).toMatchObject({ head: 1 })
    expect(await asked('b.test')).toMatchObject({ head: 0 })
    // Nobody is authenticated, and yet the answer depends on who asks.
    const { handler: sealing, said } = sealingFor(({ headers }) => headers.get('host') ?? '')
    await sealing(pushRequest(runOf(sketchesOf(0, 13)), at('a.test')))
    await said('added a.test/cart 10')
    const list = await sealing(new Request(`${origin}/sync/cart/segments`, { headers: at('a.test') }))
    const { segments } = (await list.json()) as { readonly segments: readonly { readonly hash: string }[] }
    const file = new Request(`${origin}/sync/cart/segments/${segments[0]?.hash}`, { headers: at('a.test') })
    expect((await sealing(file)).headers.get('cache-control')).toMatch(/^private,/)
    sealing.stop()
  })
})

describe('an address', () => {
  test('reads the name of a log once: what is encoded twice is another name, and no slash parts it', async () => {
    const { handler } = serve(memoryStore())
    await write(handler, 'a', 'x/y')
    const raw = (encoded: string): Request =>
      new Request(pullRequest(nothing, '', `/sync/${encoded}/pull`), { headers: of('a') })
    const headOf = async (encoded: string): Promise<unknown> =>
      ((await (await handler(raw(encoded))).json()) as { head: unknown }).head
    expect([await headOf('x%2Fy'), await headOf('x%2fy'), await headOf('x%252Fy')]).toEqual([1, 1, 0])
    for (const encoded of ['x/y', 'x%2Fy/..', 'x%5C..%5C/y', '..%2F..', '%2e%2e/x%2Fy'])
      expect((await handler(raw(encoded))).status === 200 ? await headOf(encoded) : 404, encoded).not.toBe(1)
  })
})
