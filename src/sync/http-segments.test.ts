import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { commitOf } from '../log/log.fixture.ts'
import type { ListedSegment, Manifest } from '../protocol/sync.ts'
import { toFile } from '../segments/file.ts'
import type { Bytes } from '../segments/gzip.ts'
import { zipAtOnce } from '../segments/segments.fixture.ts'
import { never, ours, transportTo } from './http-transport.fixture.ts'

const digest = '0123456789abcdef'
const file = await toFile(
  zipAtOnce([{ commit: commitOf('ü', ['s1', 't1']), first: 1, revision: 0 }], () => 0),
  digest,
)
const hashOf = (body: Bytes): string => createHash('sha256').update(body).digest('hex')
const listed: ListedSegment = { first: 1, last: 2, digest, hash: hashOf(file), bytes: file.length }

const say = (body: string | Bytes, status = 200): Response => new Response(body, { status, headers: ours })

afterEach(() => vi.unstubAllGlobals())

describe('the list of segments', () => {
  const manifest: Manifest = { protocol: 1, segments: [listed, { ...listed, first: 3, last: 9 }] }

  test('is asked for with the credentials', async () => {
    const { transport, asked } = transportTo(() => say(JSON.stringify(manifest)))
    expect(await transport.segments(never)).toEqual(manifest.segments)
    expect(asked[0]?.url).toBe('https://example.com/sync/shop/segments')
    expect(asked[0]?.headers.get('authorization')).toBe('Bearer x')
  })

  test('is empty at an endpoint that knows no segments', async () => {
    expect(await transportTo(() => say('{}', 404)).transport.segments(never)).toEqual([])
  })

  test('is not asked for where no file could be checked, as on plain http', async () => {
    vi.stubGlobal('crypto', {})
    const { transport, asked } = transportTo(() => say(JSON.stringify(manifest)))
    expect(await transport.segments(never)).toEqual([])
    expect(asked).toEqual([])
  })

  test('fails as every other request does', async () => {
    const failing = (status: number) => transportTo(() => say('{}', status)).transport.segments(never)
    await expect(failing(401)).rejects.toMatchObject({ kind: 'needs-credentials' })
    await expect(failing(503)).rejects.toMatchObject({ kind: 'waiting' })
  })

  test('with a gap, or anything else than segments, is none of ours', async () => {
    const wrong = [
      { ...manifest, segments: [listed, { ...listed, first: 4, last: 9 }] },
      { ...manifest, segments: [{ ...listed, first: 2 }] },
      { ...manifest, segments: [{ ...listed, hash: 'x' }] },
      { ...manifest, segments: [{ ...listed, last: 0 }] },
      { ...manifest, segments: [{ ...listed, digest: 7 }] },
      { ...manifest, protocol: 2 },
      { protocol: 1 },
    ]
    for (const body of wrong)
      await expect(transportTo(() => say(JSON.stringify(body))).transport.segments(never)).rejects.toMatchObject({
        type: 'not-a-tidelog-answer',
      })
  })
})

describe('the file of a segment', () => {
  test('is read, and may come from a cache on the way', async () => {
    const { transport, asked } = transportTo(() => say(file))
    expect(await transport.segment(listed, never)).toMatchObject({ first: 1, last: 2, digest })
    expect(asked[0]?.url).toBe(`https://example.com/sync/shop/segments/${listed.hash}`)
    expect(asked[0]?.cache).toBe('default')
  })

  test('that is not the one in the list is nothing', async () => {
    const other = file.with(-30, file.at(-30)! ^ 1)
    const given = async (body: string | Bytes, of: ListedSegment, status?: number) =>
      transportTo(() => say(body, status)).transport.segment(of, never)
    expect(await given(other, listed)).toBeUndefined()
    expect(await given(file.slice(0, -1), listed)).toBeUndefined()
    expect(await given('', listed)).toBeUndefined()
    expect(await given(file, { ...listed, last: 3 })).toBeUndefined()
    expect(await given(file, { ...listed, digest: 'fedcba9876543210' })).toBeUndefined()
    expect(await given('{}', listed, 404)).toBeUndefined()
    expect(await given('{}', listed, 410)).toBeUndefined()
  })

  test('takes as long as something comes, and is given up when nothing does', async () => {
    let send: (chunk: Bytes) => void = () => {}
    const { transport, clock } = transportTo((request) => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          send = (chunk) => controller.enqueue(chunk)
          request.signal.addEventListener('abort', () => controller.error(new Error('aborted')))
        },
      })
      return new Response(body, { headers: ours })
    })
    let isOver = false
    const failure = transport.segment(listed, never).catch((error: unknown) => {
      isOver = true
      return error
    })
    const settle = () => new Promise((resolve) => setImmediate(resolve))
    for (let at = 0; at < 5; at++) {
      await settle()
      // Each piece comes just in time.
      clock.after(29_000, () => send(file.slice(at, at + 1)))
      clock.step()
    }
    await settle()
    expect([clock.now(), isOver]).toEqual([145_000, false])
    clock.step()
    expect(await failure).toMatchObject({ type: 'timeout' })
  })
})
