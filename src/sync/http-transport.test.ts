import { describe, expect, test } from 'vitest'
import { digestOfNothing } from '../core/digest.ts'
import type { PullPage } from '../protocol/sync.ts'
import { never, ours, transportTo as transportBy } from './http-transport.fixture.ts'
import type { LiveMessage } from './transport.ts'

const seen = { position: 0, digest: digestOfNothing }
const page: PullPage = { protocol: 1, status: 'page', after: seen, commits: [], through: seen, head: 0 }

interface Answer {
  readonly body?: string | ReadableStream<Uint8Array>
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}
const transportTo = (answer: Answer | ((request: Request) => Promise<Response>)) =>
  transportBy(async (request) => {
    if (typeof answer === 'function') return answer(request)
    const { body = JSON.stringify(page), status = 200, headers = ours } = answer
    return new Response(body, { status, headers })
  })
const failureOf = async (answer: Answer) =>
  transportTo(answer)
    .transport.pull(seen, never)
    .then(
      () => 'no failure',
      ({ kind, type, retryAfterMs }) => ({ kind, type, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
    )

describe('a request', () => {
  test('names the protocol, what was seen, and the credentials', async () => {
    const { transport, asked } = transportTo({})
    expect(await transport.pull(seen, never)).toEqual(page)
    expect(asked[0]?.url).toBe(`https://example.com/sync/shop/pull?position=0&digest=${digestOfNothing}`)
    expect(asked[0]?.headers.get('tidelog-protocol')).toBe('1')
    expect(asked[0]?.headers.get('authorization')).toBe('Bearer x')
  })

  test('that may be held back says for how long, and has so much more time', async () => {
    const held = transportTo(
      (request) =>
        new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))),
    )
    const pulling = held.transport.pull(seen, never, 25_000).catch((error: unknown) => error)
    expect(held.asked[0]?.url).toBe(
      `https://example.com/sync/shop/pull?position=0&digest=${digestOfNothing}&waitMs=25000`,
    )
    await Promise.resolve()
    held.clock.step()
    expect(await pulling).toMatchObject({ type: 'timeout' })
    expect(held.clock.now()).toBe(55_000)
  })

  test('to push carries the run as JSON', async () => {
    const verdicts = { protocol: 1, status: 'verdicts', verdicts: [], page }
    const { transport, asked } = transportTo({ body: JSON.stringify(verdicts) })
    const run = { protocol: 1, seen, commits: [] } as const
    expect(await transport.push(run, never)).toEqual(verdicts)
    expect([asked[0]?.method, asked[0]?.headers.get('content-type')]).toEqual(['POST', 'application/json'])
    expect(await asked[0]?.json()).toEqual(run)
  })
})

describe('an answer that is', () => {
  const notOurs = { kind: 'waiting', type: 'not-a-tidelog-answer' }
  const answers: readonly (readonly [string, Answer, object])[] = [
    ['HTML with status 200', { body: '<html>', headers: { 'content-type': 'text/html' } }, notOurs],
    ['a page without the protocol header', { headers: {} }, notOurs],
    ['a page of another protocol', { headers: { 'tidelog-protocol': '2' } }, notOurs],
    ['half a body', { body: JSON.stringify(page).slice(0, 40) }, notOurs],
    ['an empty body', { body: '' }, notOurs],
    ['JSON of something else', { body: '{"ok":true}' }, notOurs],
    ['a page that lacks its end', { body: JSON.stringify({ ...page, through: undefined }) }, notOurs],
    ['403 of a captive portal', { status: 403, headers: {} }, { kind: 'waiting', type: 'http-403' }],
    [
      '403 of its own',
      { status: 403, body: '{"type":"x","title":"Not yours"}' },
      { kind: 'forbidden', type: 'http-403' },
    ],
    ['401', { status: 401 }, { kind: 'needs-credentials', type: 'http-401' }],
    ['413', { status: 413, headers: {} }, { kind: 'too-large', type: 'http-413', retryAfterMs: 60_000 }],
    ['500', { status: 500, headers: {} }, { kind: 'waiting', type: 'http-500' }],
    [
      '503 with seconds to wait',
      { status: 503, headers: { ...ours, 'retry-after': '7' } },
      { kind: 'waiting', type: 'http-503', retryAfterMs: 7_000 },
    ],
    [
      '429 with a date to wait for',
      { status: 429, headers: { ...ours, 'retry-after': new Date(90_000).toUTCString() } },
      { kind: 'waiting', type: 'http-429', retryAfterMs: 90_000 },
    ],
    [
      '503 with a date that is past',
      { status: 503, headers: { ...ours, 'retry-after': new Date(-9_000).toUTCString() } },
      { kind: 'waiting', type: 'http-503', retryAfterMs: 0 },
    ],
    [
      '503 for a year',
      { status: 503, headers: { ...ours, 'retry-after': '31536000' } },
      { kind: 'waiting', type: 'http-503', retryAfterMs: 3_600_000 },
    ],
    [
      '503 with nonsense to wait for',
      { status: 503, headers: { ...ours, 'retry-after': 'soon' } },
      { kind: 'waiting', type: 'http-503' },
    ],
  ]
  test.each(answers)('%s is that failure', async (_name, answer, expected) => {
    expect(await failureOf(answer)).toEqual(expected)
  })

  test('none is a network failure, or a time-out when the time is up', async () => {
    const broken = transportTo(async () => {
      throw new TypeError('refused')
    })
    await expect(broken.transport.pull(seen, never)).rejects.toThrow('refused')
    const silent = transportTo(
      (request) =>
        new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))),
    )
    const pulling = silent.transport.pull(seen, never).catch((error: unknown) => error)
    await Promise.resolve()
    expect(silent.clock.step()).toBe(true)
    expect(await pulling).toMatchObject({ kind: 'waiting', type: 'timeout' })
    expect(silent.clock.now()).toBe(30_000)
  })

  test('late after the caller has gone is nobody’s: the request is aborted', async () => {
    const gone = new AbortController()
    const { transport } = transportTo(
      (request) =>
        new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(new Error('aborted')))),
    )
    const pulling = transport.pull(seen, gone.signal)
    gone.abort()
    await expect(pulling).rejects.toThrow('aborted')
  })
})

describe('the live stream', () => {
  /** A stream that the test writes. */
  function wire() {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (given) => {
        controller = given
      },
    })
    const say = (text: string): void => controller?.enqueue(new TextEncoder().encode(text))
    return { body, say, end: () => controller?.close(), fail: (error: unknown) => controller?.error(error) }
  }
  async function follow() {
    const { body, say, end, fail } = wire()
    const { transport, clock } = transportTo(async ({ signal }) => {
      signal.addEventListener('abort', () => fail(signal.reason))
      return new Response(body, { headers: { ...ours, 'content-type': 'text/event-stream; charset=utf-8' } })
    })
    const heard: LiveMessage[] = []
    let tell = (): void => {}
    const ended = transport
      .live(
        seen,
        (message) => {
          heard.push(message)
          tell()
        },
        never,
      )
      .then(
        () => 'ended',
        (error: unknown) => error,
      )
    const hear = (text: string): Promise<void> => {
      const told = new Promise<void>((resolve) => {
        tell = resolve
      })
      say(text)
      return told
    }
    return { hear, say, end, heard, ended, clock }
  }

  test('gives pages, heads and signs of life until it ends', async () => {
    const { hear, end, heard, ended } = await follow()
    await hear(':\n\n')
    await hear(`event: page\ndata: ${JSON.stringify(page)}\n\n`)
    await hear('event: head\ndata: {"protocol":1,"head":7}\n\n')
    end()
    expect(await ended).toBe('ended')
    expect(heard).toEqual([{}, { head: 0, page }, { head: 7 }])
  })

  test('takes what is not of the protocol for a sign of life and nothing more', async () => {
    const { hear, heard } = await follow()
    for (const said of ['event: page\ndata: {"protocol":2}', 'event: page\ndata: not json', 'event: stopped\ndata: {}'])
      await hear(`${said}\n\n`)
    expect(heard).toEqual([{}, {}, {}])
  })

  test('ends as diverged when the server says so', async () => {
    const { say, ended } = await follow()
    say('event: diverged\ndata: {"protocol":1,"status":"diverged","head":1}\n\n')
    expect(await ended).toMatchObject({ kind: 'diverged' })
  })

  test('that brings no byte within ten seconds is held back by something on the way, and is given up', async () => {
    const { ended, clock } = await follow()
    expect(clock.step()).toBe(true)
    expect(await ended).toMatchObject({ kind: 'waiting', type: 'silent' })
    expect(clock.now()).toBe(10_000)
  })

  test('is no stream when it has another content type', async () => {
    const { transport } = transportTo({ body: ':\n\n', headers: { ...ours, 'content-type': 'application/json' } })
    await expect(transport.live(seen, () => {}, never)).rejects.toMatchObject({ type: 'not-a-tidelog-answer' })
  })

  test('is taken for dead when it is silent for too long, counted from the last sign of life', async () => {
    const { hear, ended, clock } = await follow()
    await hear(':\n\n')
    expect(clock.step()).toBe(true)
    expect(await ended).toMatchObject({ kind: 'waiting', type: 'silent' })
    expect(clock.now()).toBe(45_000)
  })
})
