import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPullAnswer, isPushAnswer, type PullPage } from '../src/protocol/sync.ts'
import { createServer, json, origin, pulled, pushed, pushRequest, runOf } from './handler.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { nothing, sequence } from './sequence.ts'
import type { LogStore } from './store.ts'

/** Whatever came in: a problem document or an answer of the protocol, no unexpected error, and a log that is whole. */
async function expectSane(response: Response, server: { readonly errors: unknown[] }): Promise<number> {
  const body: unknown = await response.json()
  expect(server.errors).toEqual([])
  expect(response.headers.get('tidelog-protocol')).toBe('1')
  if (response.status === 200) expect(isPushAnswer(body) || isPullAnswer(body)).toBe(true)
  else {
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(body).toMatchObject({ status: response.status, type: expect.stringMatching(/^https:/) })
    expect(JSON.stringify(body)).not.toMatch(/\.ts|\.js:|at \w+ \(/)
  }
  return response.status
}

/** What is stored is well formed, in order, and its digests are those of its commits. */
async function expectWhole(store: LogStore): Promise<void> {
  const { commits } = await store.range('cart', 0, { commitsMax: 1e6, bytesMax: 1e9 })
  const again = commits.map(({ id, contentId, text }) => {
    const { events }: PullPage['commits'][number] = JSON.parse(text)
    return { id, contentId, text, eventsCount: events.length }
  })
  expect(sequence(again, nothing)).toMatchObject(commits.map(({ first, last, digest }) => ({ first, last, digest })))
  expect(new Set(commits.map(({ id }) => id)).size).toBe(commits.length)
}

const sketches = [
  {
    id: 'A',
    events: [{ stream: 's', tags: ['k:1'] }],
    condition: { streams: ['s'], query: [{ types: ['T'], tags: ['k:1'] }] },
  },
  { id: 'B', events: [{ stream: 't' }, { stream: 'u' }] },
]
const valid = (): object =>
  structuredClone({
    ...runOf(sketches),
    commits: (runOf(sketches) as { commits: object[] }).commits.map((commit) => ({
      ...commit,
      metadata: { actor: 'ann' },
    })),
  })

/** All places in a value, as paths. */
const paths = (value: unknown, path: readonly string[] = []): readonly (readonly string[])[] =>
  typeof value === 'object' && value !== null
    ? [path, ...Object.entries(value).flatMap(([key, member]) => paths(member, [...path, key]))]
    : [path]

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

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    -1,
    0,
    1,
    2 ** 53,
    1e308,
    '',
    '\u0000',
    '\ud800',
    'A',
    '__proto__',
    [],
    {},
    null,
    [[]],
    true,
  ),
  fc.string({ unit: 'binary', maxLength: 600 }),
)

describe('the handler, given anything', () => {
  test('answers a push of any JSON, and of any text', async () => {
    const server = createServer()
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), async (body) => {
        expect(await expectSane(await server.handler(pushRequest(body)), server)).toBe(400)
      }),
      { numRuns: 300 },
    )
    expect((await pulled(server.handler)).head).toBe(0)
  })
  test('answers a valid push with any one place changed, and stores whole commits or nothing', async () => {
    const statuses = new Set<number>()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths(valid())), odd, async (path, by) => {
        const store = memoryStore()
        const server = createServer({ store, authenticate: () => 'ann' })
        statuses.add(await expectSane(await server.handler(pushRequest(replaced(valid(), path, by))), server))
        await expectWhole(store)
        const { commits } = await pulled(server.handler)
        expect(commits.map(({ metadata }) => metadata?.actor)).toEqual(commits.map(() => 'ann'))
        // It still serves, and the run as it should have been goes through or is told why not.
        expect((await pushed(server.handler, sketches)).status).toBe('verdicts')
      }),
      { numRuns: 300 },
    )
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400]))
  })
  test('answers any mixture of pushes with any positions, and never stores a commit twice', async () => {
    const store = memoryStore()
    const server = createServer({ store, limits: { runCommitsMax: 5, lagEventsMax: 30 } })
    const run = fc.array(
      fc.record(
        { id: fc.constantFrom(...'ABCDEFGHIJ'), content: fc.constantFrom('p', 'q') },
        { requiredKeys: ['id', 'content'] },
      ),
      { maxLength: 6 },
    )
    const seen = fc.record({
      position: fc.nat({ max: 12 }),
      digest: fc.constantFrom(nothing.digest, 'ffffffffffffffff'),
    })
    await fc.assert(
      fc.asyncProperty(run, fc.option(seen), async (commits, forged) => {
        const at = forged ?? nothing
        const status = await expectSane(await server.handler(pushRequest(runOf(commits, at))), server)
        expect(status).toBe(commits.length > 5 ? 413 : 200)
      }),
      { numRuns: 300 },
    )
    await expectWhole(store)
    expect((await store.head('cart')).position).toBe(10)
  })
  test('answers any path, query, method and header', async () => {
    const server = createServer()
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    const segment = fc.oneof(
      fc.constantFrom('sync', 'cart', 'push', 'pull', 'live', '..', '%2e%2e', '%00', '%', ''),
      text.map((t) => encodeURIComponent(wellFormed(t))),
    )
    const header = fc.oneof(
      fc.constantFrom('1', 'application/json', 'gzip', '999999999999', '-1'),
      fc.string({ maxLength: 20 }),
    )
    const names = ['content-type', 'content-encoding', 'content-length', 'tidelog-protocol', 'origin', 'authorization']
    const request = fc.record({
      path: fc.oneof(
        fc.array(segment, { maxLength: 5 }),
        fc.constantFrom(['sync', 'cart', 'push'], ['sync', 'cart', 'pull']),
      ),
      query: fc.oneof(text, fc.constant(`position=0&digest=${nothing.digest}`)),
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
      headers: fc.dictionary(fc.constantFrom(...names), header),
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ path, query, method, headers }) => {
        const url = `${origin}/${path.join('/')}?${wellFormed(query)}`
        const made = new Request(url, {
          method,
          headers: { ...json, ...headers },
          ...(method === 'GET' ? {} : { body: 'x' }),
        })
        const response = await server.handler(made)
        if (response.headers.get('content-type')?.startsWith('text/event-stream')) await response.body?.cancel()
        else await expectSane(response, server)
      }),
      { numRuns: 300 },
    )
    expect(server.handler.liveCount()).toBe(0)
  })
})
