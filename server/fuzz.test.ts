import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask } from './fuzz.fixture.ts'
import { createServer, json, origin, pulled, pushRequest, runOf } from './handler.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { nothing } from './sequence.ts'
import { sqliteStore } from './sqlite-store.ts'

/** Cases of each property: raised by hand to look for trouble. */
const numRuns = Number(process.env.TIDELOG_RUNS ?? 100)

const sketches = [
  {
    id: 'A',
    events: [{ stream: 's', tags: ['k:1'] }],
    condition: { streams: ['s'], query: [{ types: ['T'], tags: ['k:1'] }] },
  },
  { id: 'B', events: [{ stream: 't', v: 1 }, { stream: 'u' }] },
]
interface Push {
  readonly commits: readonly object[]
}
const valid = (): Push => {
  const run = runOf(sketches) as Push
  return structuredClone({ ...run, commits: run.commits.map((commit) => ({ ...commit, metadata: { actor: 'eve' } })) })
}

/** All places in a value, as paths. */
const paths = (value: unknown, path: readonly string[] = []): readonly (readonly string[])[] =>
  typeof value === 'object' && value !== null
    ? [path, ...Object.entries(value).flatMap(([key, member]) => paths(member, [...path, key]))]
    : [path]

/** A copy with another member at a place, which may be a new one; without it when `by` is undefined. */
const replaced = (value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown => {
  if (key === undefined) return by
  if (typeof value !== 'object' || value === null) return value
  const copy: unknown = Array.isArray(value) ? [...value] : { ...value }
  if (typeof copy === 'object' && copy !== null)
    Object.defineProperty(copy, key, {
      value: replaced(Object.getOwnPropertyDescriptor(value, key)?.value, rest, by),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  return copy
}

/** A URL can't hold half a surrogate pair. */
const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '?')
const nested = (depth: number): unknown =>
  Array(depth)
    .fill(0)
    .reduce((inner: unknown) => [inner], 0)

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    ...[-1, 0, 1, 1.5, 2 ** 53, 1e308, '', '\u0000', '\ud800', 'A', 'B', 'B.p', '__proto__', 'constructor', true, null],
    ...[[], {}, [[]], nested(199), nested(250), Array(10_001).fill({ type: 'Noted', stream: 's', data: null })],
    ...['x'.repeat(129), 'x'.repeat(513), Array(33).fill('k:1'), Array(129).fill({}), 'ffffffffffffffff', undefined],
  ),
  fc.string({ unit: 'binary', maxLength: 600 }),
)
const key = fc.constantFrom(
  '__proto__',
  'constructor',
  'toJSON',
  'hasOwnProperty',
  'command',
  'attempt',
  'junk',
  '',
  '0',
)
const text = fc.string({ unit: 'binary', maxLength: 20 })

describe('the handler, given anything', () => {
  test('answers a push of any bytes, any text and any JSON', async () => {
    const body = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 200 }))
    const headers = fc.record(
      { 'content-encoding': fc.constantFrom('gzip', 'identity', 'br'), 'content-type': fc.constant('text/plain') },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(body, fc.option(headers), async (sent, more) => {
        const init = { method: 'POST', headers: { ...json, ...more }, body: sent as string }
        expect([400, 415]).toContain(await ask(memoryStore(), new Request(`${origin}/sync/cart/push`, init)))
      }),
      { numRuns },
    )
  })
  test('answers a valid push with any places changed, added or taken away, and stores whole commits or nothing', async () => {
    const statuses = new Set<number>()
    const place = fc
      .tuple(fc.constantFrom(...paths(valid())), fc.option(key, { nil: undefined }))
      .map(([path, added]) => (added === undefined ? path : [...path, added]))
    const changes = fc.array(fc.tuple(place, odd), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (list, isKnown) => {
        const store = memoryStore()
        const body = list.reduce<unknown>((value, [path, by]) => replaced(value, path, by), valid())
        const who = isKnown ? { authenticate: () => 'ann' } : {}
        statuses.add(await ask(store, pushRequest(JSON.stringify(body) ?? ''), who))
        const { handler } = createServer({ store })
        for (const { metadata } of (await pulled(handler)).commits) expect(metadata?.actor).toBe(who.authenticate?.())
        expect((await handler(pushRequest(runOf(sketches)))).status).toBe(200)
      }),
      { numRuns: 2 * numRuns },
    )
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400]))
  })
  test('answers a valid push whose bytes were cut, doubled or overwritten, plain and as gzip', async () => {
    const plain = new TextEncoder().encode(JSON.stringify(valid()))
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      drop: fc.nat({ max: 30 }),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 5 }),
        fc
          .constantFrom('1e999', '-0', '9'.repeat(400), '"__proto__":', '[[[', '}', '\\ud800', '\u0000')
          .map((t) => new TextEncoder().encode(t)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(change, fc.boolean(), fc.boolean(), async ({ at, drop, insert }, isGzip, isChangedAfter) => {
        const spliced = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
          const index = Math.floor(at * bytes.length)
          return new Uint8Array([...bytes.subarray(0, index), ...insert, ...bytes.subarray(index + drop)])
        }
        const zipped = isChangedAfter ? spliced(gzipSync(plain)) : new Uint8Array(gzipSync(spliced(plain)))
        const headers = { ...json, ...(isGzip ? { 'content-encoding': 'gzip' } : {}) }
        const init = { method: 'POST', headers, body: isGzip ? zipped : spliced(plain) }
        expect([200, 400]).toContain(await ask(memoryStore(), new Request(`${origin}/sync/cart/push`, init)))
      }),
      { numRuns },
    )
  })
  test('answers any mixture of pushes with any positions, and never stores a commit twice', async () => {
    const store = memoryStore()
    const limits = { runCommitsMax: 5, pageCommitsMax: 5, lagEventsMax: 30 }
    const run = fc.array(fc.record({ id: fc.constantFrom(...'ABCDEFGHIJ'), content: fc.constantFrom('p', 'q') }), {
      maxLength: 6,
    })
    const seen = fc.record({
      position: fc.nat({ max: 12 }),
      digest: fc.constantFrom(nothing.digest, 'ffffffffffffffff'),
    })
    await fc.assert(
      fc.asyncProperty(run, fc.option(seen), async (commits, forged) => {
        const status = await ask(store, pushRequest(runOf(commits, forged ?? nothing)), { limits })
        expect(status).toBe(commits.length > 5 ? 413 : 200)
      }),
      { numRuns: 2 * numRuns },
    )
    // Behind one that was held, some may still be missing.
    for (const id of 'ABCDEFGHIJ') await ask(store, pushRequest(runOf([{ id }])), { limits })
    expect((await store.head('cart')).position).toBe(10)
  })
  test('answers any path, query, method and header, also over a database', async () => {
    const store = sqliteStore(':memory:')
    const segment = fc.oneof(
      fc.constantFrom(
        'sync',
        'cart',
        'push',
        'pull',
        'live',
        'segments',
        '..',
        '%2e%2e',
        '%2f',
        '%5c',
        '%00',
        '%',
        '',
        'e%CC%81',
      ),
      text.map((t) => encodeURIComponent(wellFormed(t))),
      fc.constantFrom('x'.repeat(256), 'x'.repeat(257), '%F0%9F%99%82'.repeat(128), 'x'.repeat(10_000)),
    )
    const action = fc.constantFrom('push', 'pull', 'live', 'segments')
    const number = fc.oneof(
      fc.constantFrom('0', '1', '-1', '1.5', '1e309', 'NaN', '', ' 1', '0x1', '9007199254740991', '9'.repeat(17)),
      fc.nat().map(String),
      text.map((t) => encodeURIComponent(wellFormed(t))),
    )
    const parameter = fc
      .tuple(fc.constantFrom('position', 'commitsMax', 'bytesMax'), number)
      .map((pair) => pair.join('='))
    const query = fc
      .tuple(fc.constantFrom('', `position=0&digest=${nothing.digest}`), fc.array(parameter, { maxLength: 3 }))
      .map(([first, rest]) => [first, ...rest].join('&'))
    const header = fc.oneof(
      fc.constantFrom('1', 'application/json', 'gzip', '999999999999', '-1', '1, 1'),
      fc.string({ maxLength: 20 }),
    )
    const names = ['content-type', 'content-encoding', 'content-length', 'tidelog-protocol', 'origin', 'authorization']
    const request = fc.record({
      path: fc.oneof(
        fc.array(segment, { maxLength: 5 }),
        fc.tuple(segment, action).map(([name, last]) => ['sync', name, last]),
        action.map((last) => ['sync', 'cart', last]),
      ),
      query,
      method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'),
      headers: fc.dictionary(fc.constantFrom(...names), header, { maxKeys: 2 }),
    })
    const statuses = new Set<number>()
    await fc.assert(
      fc.asyncProperty(request, async ({ path, query, method, headers }) => {
        const init = { method, headers: { ...json, ...headers } }
        const body = method === 'GET' || method === 'HEAD' ? {} : { body: JSON.stringify(valid()) }
        statuses.add(await ask(store, new Request(`${origin}/${path.join('/')}?${query}`, { ...init, ...body })))
      }),
      { numRuns: 2 * numRuns },
    )
    await store.close()
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 404, 405]))
  })
})
