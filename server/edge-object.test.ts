import { expect, test } from 'vitest'
import { createLogObject } from './edge-object.ts'
import { openObject } from './edge-store.fixture.ts'
import { json, origin, problemOf, pullRequest, pushRequest, runOf } from './handler.fixture.ts'
import { nothing } from './sequence.ts'

/** An object that never has an alarm. */
const logObject = (limits: { readonly waitingMax?: number } = {}) =>
  createLogObject({ ...openObject(), setAlarm: async () => {} }, { limits })

/** A push whose body is never complete, and whether any of it was asked for. */
function largePush(headers: Readonly<Record<string, string>> = {}) {
  let isRead = false
  const body = new ReadableStream(
    {
      pull: async () => {
        isRead = true
        await new Promise(() => {})
      },
    },
    { highWaterMark: 0 },
  )
  const init = { method: 'POST', headers: { ...json, ...headers }, body, duplex: 'half' }
  return { request: new Request(`${origin}/sync/cart/push`, init), isRead: () => isRead }
}

test.for([
  ['of unknown length', {}],
  ['that is long', { 'content-length': '64001' }],
  ['that is packed', { 'content-length': '100', 'content-encoding': 'gzip' }],
] as const)('a body %s is read beside three others at most, and what is short passes by', async ([, headers]) => {
  const { fetch } = logObject()
  const large = Array.from({ length: 6 }, () => largePush(headers))
  for (const { request } of large) void fetch(request)
  await expect.poll(() => large.map(({ isRead }) => isRead())).toEqual([true, true, true, true, false, false])
  const body = JSON.stringify(runOf([{ id: 'a' }]))
  const small = await fetch(pushRequest(body, { ...json, 'content-length': String(body.length) }))
  expect(await small.json()).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
  expect((await fetch(pullRequest(nothing))).status).toBe(200)
  expect(large.map(({ isRead }) => isRead())).toEqual([true, true, true, true, false, false])
})
test('more large bodies than may wait are answered 503', async () => {
  const { fetch } = logObject({ waitingMax: 2 })
  const large = Array.from({ length: 6 }, () => largePush())
  for (const { request } of large) void fetch(request)
  const response = await fetch(largePush().request)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(await problemOf(response)).toBe('503 busy')
})
