import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOfNothing } from '../core/digest.ts'
import { callOf, createBrowser, openTab, pendingIds, quiet } from '../log/log.fixture.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { createHttpTransport } from './http-transport.ts'
import { Pump } from './pump.ts'

const seen = { position: 0, digest: digestOfNothing }
const page = { protocol: 1, status: 'page', after: seen, commits: [], through: seen, head: 0 }
const rejection = {
  id: 'a',
  verdict: 'rejected',
  contentId: 'a/1',
  problem: { type: 'about:blank', title: 'Forbidden' },
}
/** An answer that does take the commit `a` out. */
const verdicts = { protocol: 1, status: 'verdicts', verdicts: [rejection, { id: 'b', verdict: 'held' }], page }

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
/** Two pending commits, and a server that answers a pull well and a push like this, some times. */
async function pushedTo(answer: Answer) {
  const browser = createBrowser()
  const tab = await openTab(browser)
  await tab.append(callOf('a', ['s1']), callOf('b', ['t1']))
  const { clock } = browser
  let pushes = 0
  const transport = createHttpTransport({
    url: 'https://example.com/sync/shop',
    clock,
    headers: () => ({}),
    fetch: async ({ url }) => {
      if (!url.endsWith('/push')) return new Response(JSON.stringify(page), { headers: { 'tidelog-protocol': '1' } })
      pushes += 1
      const { body, ...init } = answer
      return new Response([204, 205, 304].includes(answer.status) ? null : body, init)
    },
  })
  const pump = new Pump({ engine: tab.engine, transport, clock, random: seededRandom(1), onLink: () => {} }, false)
  const ended = pump.run()
  for (let tries = 0; tries < 3; tries++) {
    for (let turns = 0; turns < 4; turns++) await quiet()
    pump.now()
  }
  pump.stop()
  await ended
  expect(pushes).toBeGreaterThan(0)
  return {
    pending: pendingIds(tab),
    dead: [...tab.engine.view.dead],
    confirmed: tab.engine.view.confirmed.head.position,
  }
}

test('a commit is taken out by a well-formed verdict', async () => {
  const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
  const { dead, pending } = await pushedTo({ status: 200, headers, body: JSON.stringify(verdicts) })
  expect([dead, pending]).toEqual([['a'], ['b']])
})

test('whatever else comes back, no pending commit is lost or taken out', async () => {
  const good = JSON.stringify(verdicts)
  const broken = fc.constantFrom(
    { ...verdicts, protocol: 2 },
    { ...verdicts, status: 'ok' },
    { ...verdicts, page: undefined },
    { ...verdicts, verdicts: [{ ...rejection, problem: undefined }] },
    { ...verdicts, verdicts: [{ ...rejection, problem: { title: 1 } }] },
    { ...verdicts, verdicts: [{ ...rejection, contentId: 'a/2' }] },
    { ...verdicts, verdicts: [{ ...rejection, id: 'z' }] },
    { ...verdicts, verdicts: [{ ...rejection, verdict: 'refused' }] },
    { ...verdicts, verdicts: [{ id: 'a', verdict: 'accepted', position: 1 }] },
    { ...verdicts, verdicts: [{ id: 'a', verdict: 'conflict', positions: [1] }] },
    { type: 'about:blank', title: 'Forbidden', status: 403 },
  )
  const body = fc.oneof(
    broken.map((value) => JSON.stringify(value)),
    fc.nat(good.length - 1).map((length) => good.slice(0, length)),
    fc.json(),
    fc.string(),
    fc.constant('<html>Sign in</html>'),
  )
  const status = fc.oneof(
    fc.constantFrom(200, 401, 403, 404, 408, 413, 425, 426, 429, 500, 503),
    fc.nat(399).map((n) => n + 200),
  )
  const headers = fc.record(
    {
      'tidelog-protocol': fc.constantFrom('1', '1', '2', ''),
      'content-type': fc.constantFrom('application/json', 'application/problem+json', 'text/html', 'text/event-stream'),
      'retry-after': fc.constantFrom('0', '1', '-1', '1e99', 'soon', new Date(0).toUTCString()),
    },
    { requiredKeys: [] },
  )
  const whole = fc.record({ status, headers, body })
  // The well-formed answer too, wherever it is not that of a server that speaks the protocol and agrees.
  const foreign = fc
    .record({ status, headers, body: fc.constant(good) })
    .filter((one) => one.status > 299 || one.headers['tidelog-protocol'] !== '1')
  const ours = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
  const nearly = broken.map((value): Answer => ({ status: 200, headers: ours, body: JSON.stringify(value) }))
  await fc.assert(
    fc.asyncProperty(fc.oneof(whole, foreign, nearly), async (answer) => {
      expect(await pushedTo(answer)).toEqual({ pending: ['a', 'b'], dead: [], confirmed: 0 })
    }),
    { numRuns: 150 },
  )
})
