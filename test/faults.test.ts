import { unwrap } from 'tidelog'
import { seededRandom } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { Acknowledged, added, created, devicesOf, mustAgree, readAll, type ShopWorld, shopWorld } from './world.ts'

let world: ShopWorld
afterEach(() => world.close())

type Next = (request: Request) => Promise<Response>
type Fault = (request: Request, next: Next) => Promise<Response>
const isPush = (request: Request): boolean => request.url.endsWith('/push')

const faults: Readonly<Record<string, Fault>> = {
  'an answer that is lost': async (request, next) => {
    await next(request)
    throw new TypeError('the connection broke')
  },
  'no answer': async () => {
    throw new TypeError('nobody is there')
  },
  'a 500': async () => new Response('oops', { status: 500 }),
  'a 503 of its own': async () =>
    new Response('{"type":"busy","title":"Busy"}', {
      status: 503,
      headers: { 'tidelog-protocol': '1', 'retry-after': '2' },
    }),
  'a page of HTML': async () => new Response('<html>Sign in</html>', { headers: { 'content-type': 'text/html' } }),
  'the 403 of a captive portal': async () => new Response('<html>Pay</html>', { status: 403 }),
  'a body that ends in the middle': async (request, next) => {
    const response = await next(request)
    const text = await response.text()
    return new Response(text.slice(0, Math.floor(text.length / 2)), response)
  },
  'an empty body': async (request, next) => new Response('', await next(request)),
  'an answer of another page': async (request, next) => {
    const response = await next(request)
    const text = await response.text()
    return new Response(
      text.replaceAll('"digest":"', '"digest":"f').replaceAll(/"digest":"(f.{15})./g, '"digest":"$1"'),
      response,
    )
  },
  'the same request twice': async (request, next) => {
    const again = request.clone()
    await (await next(request)).text()
    return next(again)
  },
}

describe('a server that gives', () => {
  test.each(Object.entries(faults))('%s, half of the time, loses and doubles nothing', async (_name, fault) => {
    const { fraction } = seededRandom(1)
    const serve: Fault = (request, next) =>
      request.url.includes('/live') || fraction() < 0.5 ? next(request) : fault(request, next)
    world = shopWorld({ devices: 2, serve })
    const acknowledged = new Acknowledged()
    for (let round = 0; round < 5; round++) {
      for (const [nth, device] of world.devices.entries())
        await acknowledged.note(device, device.log.append([added(`c${round}`, `${nth}`)]))
      await world.settle()
    }
    expect(await mustAgree(world, acknowledged)).toHaveLength(10)
    for (const { log } of world.devices) expect(await log.deadLetters.list()).toEqual([])
  })

  test.each([1, 2, 3, 4, 5, 6])('anything at random, live streams too, ends with one log (seed %i)', async (seed) => {
    const { fraction } = seededRandom(seed)
    const all = Object.values(faults)
    const serve: Fault = (request, next) => {
      const fault = all[Math.floor(fraction() * all.length * 2)]
      return fault === undefined || (request.url.includes('/live') && fault === faults['the same request twice'])
        ? next(request)
        : fault(request, next)
    }
    world = shopWorld({ devices: 3, seed, serve })
    const acknowledged = new Acknowledged()
    for (let round = 0; round < 8; round++)
      for (const device of world.devices) {
        const facts = [added(`c${round}`, 'i')]
        const { log } = device
        await acknowledged.note(device, round % 3 === 0 ? log.append(facts, { expectedVersion: 0 }) : log.append(facts))
      }
    await world.settle()
    await mustAgree(world, acknowledged)
  })

  test('HTML for ever says so and keeps everything pending', async () => {
    world = shopWorld({ devices: 1, serve: async () => new Response('<html/>') })
    const [device] = devicesOf(world, 1)
    unwrap(await device!.log.append([created('c')]))
    const waiting = new Promise<void>((resolve) => {
      device!.log.sync.subscribe(() => device!.log.sync.get().state === 'waiting' && resolve())
    })
    await waiting
    const { state, synced, pending, lastError } = device!.log.sync.get()
    expect({ state, synced, pending, error: lastError?.type }).toEqual({
      state: 'waiting',
      synced: false,
      pending: 1,
      error: 'not-a-tidelog-answer',
    })
    expect(await readAll(device!.log)).toHaveLength(1)
  })
})

test('AE-10 a commit id is one commit: appended again, pushed again, and after an answer that was lost', async () => {
  let lost = 0
  // The first two pushes reach the server twice, and no answer to them comes back.
  const serve: Fault = async (request, next) => {
    const isDoubled = isPush(request) && lost < 2
    const copy = request.clone()
    const response = await next(request)
    if (!isDoubled) return response
    lost += 1
    await next(copy)
    throw new TypeError('the answer was lost')
  }
  world = shopWorld({ devices: 2, serve })
  const [device, other] = devicesOf(world, 2)
  const append = () => device!.log.append([created('c'), added('c', 'i')], { commitId: 'order-1' })
  const first = unwrap(await append())
  const again = unwrap(await append())
  expect(again.receipt.versions).toEqual(first.receipt.versions)
  expect(again.events.map(({ id }) => id)).toEqual(first.events.map(({ id }) => id))
  await world.settle()
  unwrap(await append())
  unwrap(await other!.log.append([added('d', 'i')], { commitId: 'order-2' }))
  await world.settle()
  expect(lost).toBe(2)
  for (const { log } of [device!, other!])
    expect((await readAll(log)).map(({ commitId }) => commitId)).toEqual(['order-1', 'order-1', 'order-2'])
  expect(await device!.log.append([created('d')], { commitId: 'order-1' })).toMatchObject({
    ok: false,
    reason: { type: 'IdTaken', commitId: 'order-1' },
  })
})
