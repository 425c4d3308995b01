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
      const look = (): unknown => device!.log.sync.get().state === 'waiting' && resolve()
      device!.log.sync.subscribe(look)
      look()
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

/** Lets so much time pass for the world, timer by timer, and what is under way in each step end. */
async function pass(ms: number): Promise<void> {
  const end = world.clock.now() + ms
  let arrived = false
  world.clock.after(ms, () => {
    arrived = true
  })
  while (!arrived && world.clock.now() <= end && world.clock.step())
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setTimeout(resolve, 0))
}

describe('a server that is in trouble', () => {
  /** Counts requests, and answers with this while it is set. */
  function troubled() {
    const server: { answer: (() => Response) | undefined; asked: number } = { answer: undefined, asked: 0 }
    const serve: Fault = async (request, next) => {
      if (request.url.includes('/live')) return next(request)
      server.asked += 1
      return server.answer?.() ?? next(request)
    }
    return { server, serve }
  }

  test('AE-11 is not asked by every append: after a few failures in a row only now and then', async () => {
    const { server, serve } = troubled()
    world = shopWorld({ devices: 1, serve })
    const [device] = devicesOf(world, 1)
    await world.settle()
    server.answer = () => new Response('', { status: 500 })
    const begun = world.clock.now()
    const before = server.asked
    for (let nth = 0; nth < 100; nth++) {
      unwrap(await device!.log.append([added('c', `${nth}`)]))
      await pass(100)
    }
    const { failures, state, pending } = device!.log.sync.get()
    expect([state, failures >= 5, pending]).toEqual(['waiting', true, 100])
    expect(server.asked - before).toBeLessThan(20)
    expect(world.clock.now() - begun).toBeGreaterThanOrEqual(10_000)
    server.answer = undefined
    await world.settle()
    expect(device!.log.sync.get()).toMatchObject({ state: 'live', failures: 0, pending: 0 })
  })

  test('is left alone for as long as it asks, also by a tab that was opened anew', async () => {
    const { server, serve } = troubled()
    world = shopWorld({ devices: 1, serve })
    const [device] = devicesOf(world, 1)
    await world.settle()
    server.answer = () =>
      new Response('{"type":"busy","title":"Busy"}', {
        status: 503,
        headers: { 'tidelog-protocol': '1', 'retry-after': '600' },
      })
    const before = server.asked
    unwrap(await device!.log.append([created('c')]))
    await pass(1_000)
    expect(server.asked - before).toBe(1)
    await device!.log.close()
    const reloaded = device!.openTab()
    await reloaded.ready
    unwrap(await reloaded.append([added('c', 'i')]))
    await pass(590_000)
    expect(server.asked - before).toBe(1)
    expect(reloaded.sync.get()).toMatchObject({ state: 'waiting', failures: 1, pending: 2 })
    server.answer = undefined
    await world.settle()
    expect(reloaded.sync.get()).toMatchObject({ state: 'live', pending: 0 })
  })
})

describe('a line on which no stream gets through', () => {
  const notAStream = async (): Promise<Response> => new Response('{}', { headers: { 'tidelog-protocol': '1' } })
  const headers = { 'tidelog-protocol': '1', 'content-type': 'text/event-stream' }
  const lines: Readonly<Record<string, Fault>> = {
    'that refuses it': async () => new Response('', { status: 502 }),
    'that answers with something else': notAStream,
    'that holds it back': async ({ signal }) =>
      new Response(
        new ReadableStream({
          start: (controller) => signal.addEventListener('abort', () => controller.error(signal.reason)),
        }),
        { headers },
      ),
  }
  test.each(Object.entries(lines))('%s brings what others write all the same', async (_name, live) => {
    const held: string[] = []
    world = shopWorld({
      devices: 2,
      serve: async (request, next) => {
        if (request.url.includes('/live')) return live(request, next)
        if (request.url.includes('waitMs')) held.push(request.url)
        return next(request)
      },
    })
    const [ann, bob] = devicesOf(world, 2)
    await world.settle()
    await pass(15_000)
    for (let round = 0; round < 3; round++) {
      unwrap(await ann!.log.append([added('c', `${round}`)]))
      await pass(2_000)
      expect(await readAll(bob!.log)).toHaveLength(round + 1)
    }
    expect(held.length).toBeGreaterThan(3)
    // One at a time: in half a minute each device needs no more than a few.
    const before = held.length
    await pass(30_000)
    expect(held.length - before).toBeLessThan(8)
    await mustAgree(world)
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
