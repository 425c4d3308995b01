import { describe, expect, test } from 'vitest'
import { createServer, json, origin, problemOf, pulled, pushRequest, runOf } from './handler.fixture.ts'
import { manualClock } from './live.fixture.ts'

const gzipped = (text: string): ReadableStream<Uint8Array> =>
  new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))

const streamRequest = (body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Request => {
  const init = { method: 'POST', headers: { ...json, ...headers }, body, duplex: 'half' }
  return new Request(`${origin}/sync/cart/push`, init)
}

describe('a body', () => {
  test('that is not JSON in UTF-8, or not a push request, is answered 400', async () => {
    const { handler, errors } = createServer()
    for (const body of ['', '{', '{"protocol":1', '<html>', 'nul', '\u0000'])
      expect(await problemOf(await handler(pushRequest(body))), body).toBe('400 json')
    const latin = new Request(`${origin}/sync/cart/push`, {
      method: 'POST',
      headers: json,
      body: new Uint8Array([34, 0xe4, 34]),
    })
    expect(await problemOf(await handler(latin))).toBe('400 json')
    const good = runOf([{ id: 'A' }])
    for (const body of [
      null,
      [],
      'x',
      1,
      {},
      { ...good, seen: 0 },
      { ...good, seen: { position: -1, digest: '' } },
      { ...good, commits: {} },
      { ...good, protocol: '1' },
    ])
      expect(await problemOf(await handler(pushRequest(JSON.stringify(body)))), JSON.stringify(body)).toBe('400 push')
    expect(errors).toEqual([])
  })
  test('is read where requests have no stream of it', async () => {
    const { handler } = createServer()
    const request = pushRequest(JSON.stringify(runOf([{ id: 'A' }])))
    Object.defineProperty(request, 'body', { value: undefined })
    expect((await handler(request)).status).toBe(200)
  })
  test('must be said to be JSON', async () => {
    const { handler } = createServer()
    for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded', ''])
      expect(await problemOf(await handler(pushRequest(runOf([]), { ...json, 'content-type': type })))).toBe(
        '415 content-type',
      )
    for (const type of ['application/json; charset=utf-8', 'Application/JSON'])
      expect((await handler(pushRequest(runOf([]), { ...json, 'content-type': type }))).status).toBe(200)
  })
  test('may be gzip, and nothing else', async () => {
    const { handler } = createServer()
    const body = gzipped(JSON.stringify(runOf([{ id: 'A' }])))
    expect((await handler(streamRequest(body, { 'content-encoding': 'gzip' }))).status).toBe(200)
    expect((await pulled(handler)).commits).toMatchObject([{ id: 'A' }])
    const response = await handler(pushRequest('x', { ...json, 'content-encoding': 'br' }))
    expect(response.headers.get('accept-encoding')).toBe('gzip')
    expect(await problemOf(response)).toBe('415 content-encoding')
  })
  test('may hold so many values and keys, whatever its texts look like, and one more is answered 413', async () => {
    const valuesOf = (data: string): string =>
      `{"protocol":1,"seen":{"position":0,"digest":"0"},"commits":[],"x":${data}}`
    // 13 besides those of `x`.
    const ask = async (data: string, bodyValuesMax: number): Promise<string> =>
      problemOf(await createServer({ limits: { bodyValuesMax } }).handler(pushRequest(valuesOf(data))))
    for (const [data, count] of [
      ['[1,2,3]', 3],
      ['{"a":1,"b":[]}', 5],
      ['[[[]]]', 3],
      ['["[[[[{{{{,,,,::::","\\\\",[","]]', 4],
      ['["\\"",",","\\\\",","]', 4],
      ['"\\\\\\",,,,,,,,,,\\\\"', 0],
    ] as const) {
      expect(await ask(data, 13 + count), data).not.toMatch(/^413/)
      expect(await ask(data, 12 + count), data).toBe('413 too-large')
    }
  })
  test('of a commit that has as many values as fit into it is not too large', async () => {
    const { handler } = createServer()
    for (const value of [[], {}, 1]) {
      const text = JSON.stringify(value)
      const data = Array(Math.floor(899_800 / (text.length + 1))).fill(value)
      const response = await handler(pushRequest(runOf([{ id: 'A', events: [{ stream: 's', data }] }])))
      expect(await response.json()).toMatchObject({ verdicts: [{ verdict: expect.not.stringMatching('rejected') }] })
    }
  })
  test('that claims to be gzip and is not, or is cut, is answered 400', async () => {
    const { handler, errors } = createServer()
    const gzip = { 'content-encoding': 'gzip' }
    expect(await problemOf(await handler(pushRequest('not gzip', { ...json, ...gzip })))).toBe('400 body')
    const whole = new Uint8Array(await new Response(gzipped(JSON.stringify(runOf([{ id: 'A' }])))).arrayBuffer())
    const half = new Blob([whole.slice(0, whole.length - 9)]).stream()
    expect(await problemOf(await handler(streamRequest(half, gzip)))).toBe('400 body')
    expect(errors).toEqual([])
  })
  test('that breaks off is answered 400 and stores nothing', async () => {
    const { handler, errors } = createServer()
    const text = JSON.stringify(runOf([{ id: 'A' }]))
    let pulls = 0
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(new TextEncoder().encode(text.slice(0, -1)))
        else controller.error(new Error('connection reset'))
      },
    })
    expect(await problemOf(await handler(streamRequest(broken)))).toBe('400 body')
    expect([(await pulled(handler)).head, errors]).toEqual([0, []])
  })
  test('that is too large is refused by its announced length, before any of it is read', async () => {
    const { handler } = createServer({ limits: { bodyBytesMax: 1_000 } })
    const unread = new ReadableStream<Uint8Array>(
      {
        pull: () => {
          throw new Error('read')
        },
      },
      { highWaterMark: 0 },
    )
    expect(await problemOf(await handler(streamRequest(unread, { 'content-length': '1001' })))).toBe('413 too-large')
  })
  test('that is too large is not read further than it may go, and its sender is told to stop', async () => {
    const { handler } = createServer({ limits: { bodyBytesMax: 10_000 } })
    let sent = 0
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent += 1_000
          controller.enqueue(new Uint8Array(1_000).fill(32))
        },
        cancel() {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    expect(await problemOf(await handler(streamRequest(endless)))).toBe('413 too-large')
    expect(sent).toBeLessThan(20_000)
    expect(cancelled).toBe(true)
  })
  test('that takes too long to arrive is answered 408, its sender is told to stop, and nothing is stored', async () => {
    const clock = manualClock()
    const { handler, errors } = createServer({ clock, limits: { bodyMsMax: 1_000 } })
    const text = JSON.stringify(runOf([{ id: 'A' }]))
    for (const headers of [{}, { 'content-encoding': 'gzip' }]) {
      let cancelled = (): void => {}
      const told = new Promise<void>((resolve) => {
        cancelled = resolve
      })
      let asked = (): void => {}
      const reading = new Promise<void>((resolve) => {
        asked = resolve
      })
      const trickle = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            asked()
            // One byte, and then nothing for ever: for gzip the first of its header.
            if (clock.timersCount() > 0) return new Promise<void>(() => {})
            controller.enqueue(new TextEncoder().encode('content-encoding' in headers ? '\u001f' : text.slice(0, 1)))
          },
          cancel: () => cancelled(),
        },
        { highWaterMark: 0 },
      )
      const answer = handler(streamRequest(trickle, headers))
      await reading
      await expect.poll(clock.timersCount, { interval: 1 }).toBe(1)
      clock.advance(1_000)
      expect(await problemOf(await answer)).toBe('408 too-slow')
      await told
    }
    await handler(pushRequest(text))
    expect([clock.timersCount(), errors, (await pulled(handler)).head]).toEqual([0, [], 1])
  })
  test('that comes in single bytes is put together', async () => {
    const { handler } = createServer()
    const bytes = new TextEncoder().encode(JSON.stringify(runOf([{ id: 'Ä🙂', events: [{ stream: '漢' }] }])))
    const single = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
        controller.close()
      },
    })
    expect((await handler(streamRequest(single))).status).toBe(200)
    expect((await pulled(handler)).commits).toMatchObject([{ id: 'Ä🙂', events: [{ stream: '漢' }] }])
  })
  test('that is gzip in gzip, or gzip and then anything else, is not JSON', async () => {
    const { handler, errors } = createServer()
    const gzip = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
      new Uint8Array(
        await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
      )
    const once = await gzip(new TextEncoder().encode(JSON.stringify(runOf([{ id: 'A' }]))))
    for (const bytes of [await gzip(once), new Uint8Array([...once, ...once])]) {
      const request = streamRequest(new Blob([bytes]).stream(), { 'content-encoding': 'gzip' })
      expect(await problemOf(await handler(request))).toBe('400 json')
    }
    const twice = streamRequest(new Blob([once]).stream(), { 'content-encoding': 'gzip, gzip' })
    expect(await problemOf(await handler(twice))).toBe('415 content-encoding')
    expect([(await pulled(handler)).head, errors]).toEqual([0, []])
  })
  test('that inflates without end is refused at the bound', async () => {
    const { handler, errors } = createServer({ limits: { bodyBytesMax: 100_000 } })
    const bomb = gzipped(' '.repeat(50_000_000))
    expect(await problemOf(await handler(streamRequest(bomb, { 'content-encoding': 'gzip' })))).toBe('413 too-large')
    expect(errors).toEqual([])
  })
})
