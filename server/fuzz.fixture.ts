import { expect } from 'vitest'
import { defineEvents, event } from '../src/core/event.ts'
import { defineLog } from '../src/core/model.ts'
import { isManifest, isPullAnswer, isPushAnswer, type PullPage } from '../src/protocol/sync.ts'
import { createServer, json, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import type { SyncLimits } from './options.ts'
import { nothing, sequence } from './sequence.ts'
import type { LogStore } from './store.ts'

/** Takes one type of event only, and that without data. */
const model = defineLog({
  name: 'cart',
  events: defineEvents({
    Noted: event({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => (value === null ? { value } : { issues: [{ message: 'must be null' }] }),
      },
    }),
  }),
})

let asked = 0

/**
 * Sends a request to a server over `inner` and checks what has to hold whatever was asked: an answer of the protocol or
 * a problem document, nothing stored but by a success and then whole, nothing left open, no error that nobody expected,
 * and a server that still serves. Gives the status.
 */
export async function ask(
  inner: LogStore,
  request: Request,
  more: { readonly authenticate?: () => string; readonly limits?: Partial<SyncLimits> } = {},
): Promise<number> {
  let stored = 0
  const store: LogStore = {
    ...inner,
    async append(...args) {
      const result = await inner.append(...args)
      stored += result.taken
      return result
    },
  }
  const { handler, errors } = createServer({ ...more, store, model, cors: { origins: '*' } })
  const response = await handler(request)
  await expectSane(response)
  if (!response.ok) expect(stored).toBe(0)
  await expectWhole(store)
  expect([errors, handler.liveCount()]).toEqual([[], 0])

  const good = `/sync/good${asked++}`
  const answer: unknown = await (await handler(pushRequest(runOf([{ id: 'good' }]), json, `${good}/push`))).json()
  expect(answer).toMatchObject({ verdicts: [{ id: 'good', verdict: 'accepted' }] })
  const page: unknown = await (await handler(pullRequest(nothing, '', `${good}/pull`))).json()
  expect(page).toMatchObject({ commits: [{ id: 'good' }], head: 1 })
  return response.status
}

async function expectSane(response: Response): Promise<void> {
  expect(response.headers.get('tidelog-protocol')).toBe('1')
  const type = response.headers.get('content-type')
  if (type?.startsWith('text/event-stream')) return response.body?.cancel()
  const text = await response.text()
  if (response.status === 204) return expect(text).toBe('')
  const body: unknown = JSON.parse(text)
  if (response.ok) return expect(isPushAnswer(body) || isPullAnswer(body) || isManifest(body)).toBe(true)
  expect([type, response.status >= 400 && response.status < 500]).toEqual(['application/problem+json', true])
  const said = { status: response.status, type: expect.stringMatching(/^https:/), title: expect.stringMatching(/./) }
  expect(body).toMatchObject(said)
  expect(text).not.toMatch(/at \/|node:|\.[tj]s:|at \w+ \(/)
}

/** What is stored is well formed, in order, with nothing that this version does not know, and its digests are those of its commits. */
async function expectWhole(store: LogStore): Promise<void> {
  const { commits } = await store.range('cart', 0, { commitsMax: 1e6, bytesMax: 1e9 })
  const again = commits.map(({ id, contentId, text }) => {
    const commit: PullPage['commits'][number] = JSON.parse(text)
    expect(commit).toEqual({
      ...{ id, contentId, time: commit.time },
      events: commit.events.map(({ type, stream, data, tags, v }) => ({ type, stream, data, tags, v })),
      ...(commit.metadata === undefined ? {} : { metadata: commit.metadata }),
    })
    return { id, contentId, text, eventsCount: commit.events.length }
  })
  expect(sequence(again, nothing)).toMatchObject(commits.map(({ first, last, digest }) => ({ first, last, digest })))
  expect(new Set(commits.map(({ id }) => id)).size).toBe(commits.length)
}
