// What a device and its server owe each other when one of them goes away.

import { unwrap } from 'tidelog'
import { createSyncHandler, type LogStore, memoryStore } from 'tidelog/server'
import { type Listening, listen } from 'tidelog/server/node'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from './gate.ts'
import { book, release, seating, tell } from './seats.ts'
import { turns } from './tabs.ts'
import { shop } from './types/shop.ts'
import { Acknowledged, added, devicesOf, mustAgree, type ShopWorld, shopWorld } from './world.ts'

let world: ShopWorld | undefined
const listening: Listening[] = []
afterEach(async () => {
  await world?.close()
  world = undefined
  for (const server of listening.splice(0)) await server.close()
})

interface Frame {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}
/** What a live stream says, but for its heartbeats, up to its end. */
async function* framesOf({ body }: Response): AsyncGenerator<Frame> {
  let text = ''
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    const frames = (text + chunk).split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? []
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) }
    }
  }
}
const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
interface Seen {
  readonly position: number
  readonly digest: string
}
const commitOf = (id: string) => ({
  id,
  contentId: `${id}-content`,
  time: '2026-01-01T00:00:00.000Z',
  events: [{ type: 'CartCreated', stream: `cart-${id}`, data: { cartId: id }, tags: [`cartId:${id}`] }],
})

describe('a server that shuts down', () => {
  const serve = async (store: LogStore) => {
    const handler = createSyncHandler({ store })
    const server = await listen({ handler, port: 0 })
    listening.push(server)
    const live = async (log: string, { position, digest }: Seen) =>
      fetch(`${server.url}/sync/${log}/live?position=${position}&digest=${digest}`, { headers })
    const push = async (seen: Seen, ...ids: readonly string[]) => {
      const body = JSON.stringify({ protocol: 1, seen, commits: ids.map(commitOf) })
      return (await fetch(`${server.url}/sync/shop/push`, { method: 'POST', headers, body })).json()
    }
    return { ...server, handler, live, push }
  }

  test('RX-7 ends each live stream with `stopped`, and who comes back behind what it read gets the rest once', async () => {
    const store = memoryStore()
    const start = await store.head('shop')
    const first = await serve(store)
    const streams = await Promise.all(
      ['shop', 'shop', 'other'].map(async (log) => framesOf(await first.live(log, start))),
    )
    await first.push(start, 'a', 'b')
    const read = await Promise.all(streams.slice(0, 2).map(async (frames) => (await frames.next()).value))
    for (const frame of read) expect(frame).toMatchObject({ event: 'page', data: { head: 2 } })
    expect(first.handler.liveCount()).toBe(3)
    await first.close()
    for (const [at, frames] of streams.entries()) {
      const stopped = { event: 'stopped', data: { protocol: 1, head: at < 2 ? 2 : 0 } }
      expect(await frames.next()).toEqual({ done: false, value: stopped })
      expect(await frames.next()).toEqual({ done: true, value: undefined })
    }
    expect(first.handler.liveCount()).toBe(0)
    const late = `http://server.test/sync/shop/live?position=0&digest=${start.digest}`
    const refused = await first.handler(new Request(late, { headers }))
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true])
    const second = await serve(store)
    await second.push(start, 'c')
    const resumed = framesOf(await second.live('shop', read[0]?.data.through as Seen))
    expect((await resumed.next()).value).toMatchObject({ event: 'page', data: { commits: [{ id: 'c' }], head: 3 } })
    await second.push(start, 'd')
    expect((await resumed.next()).value).toMatchObject({ event: 'page', data: { commits: [{ id: 'd' }], head: 4 } })
  })

  test('RX-7 loses nothing of its clients: they follow the next one by themselves, from where they were', async () => {
    const store = memoryStore()
    const said: string[][] = []
    let server: ReturnType<typeof createSyncHandler> | undefined
    const made = shopWorld({
      devices: 3,
      serve: async (request) => {
        if (server === undefined) throw new TypeError('nobody is there')
        const response = await server(request)
        return request.url.includes('/live') && response.ok ? heard(response, said) : response
      },
    })
    world = made
    const start = () => {
      server = createSyncHandler({ model: shop, store, clock: made.clock })
    }
    const acknowledged = new Acknowledged()
    const append = async (at: string) => {
      for (const [nth, device] of devicesOf(made, 3).entries())
        await acknowledged.note(device, device.log.append([added(at, `${nth}`)]))
    }
    for (let round = 0; round < 4; round++) {
      start()
      await until(made.clock, () => server?.liveCount() === 3)
      await append(`live ${round}`)
      // The first two times everything is confirmed when it stops, after that the commits are on their way.
      if (round < 2) await made.settle()
      const streams = said.splice(0)
      server?.stop()
      // At once: no time passes here.
      for (let nth = 0; nth < 20; nth++) await turns()
      expect(streams.map((frames) => frames.slice(-2))).toEqual(Array(3).fill(['stopped', 'end']))
      await append(`stopped ${round}`)
      server = undefined
      await append(`gone ${round}`)
    }
    start()
    await made.settle()
    expect(await mustAgree(made, acknowledged)).toHaveLength(4 * 3 * 3)
    // One that is there again at once is found although nobody has anything to say.
    await until(made.clock, () => server?.liveCount() === 3)
    server?.stop()
    start()
    await until(made.clock, () => server?.liveCount() === 3)
    await append('at last')
    await made.settle()
    expect(await mustAgree(made, acknowledged)).toHaveLength(4 * 3 * 3 + 3)
    for (const { log } of made.devices) expect(await log.deadLetters.list()).toEqual([])
  })
})

/** The same live stream; what it says is written down: the names of its frames, and `end`. */
function heard(response: Response, said: string[][]): Response {
  const frames: string[] = []
  said.push(frames)
  const decoder = new TextDecoder()
  const told = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      for (const [, event = ''] of decoder.decode(chunk).matchAll(/^event: (\w+)$/gm)) frames.push(event)
      controller.enqueue(chunk)
    },
    flush: () => void frames.push('end'),
  })
  return new Response(response.body?.pipeThrough(told), response)
}

describe('a server that fails', () => {
  test('AE-11 is tried again after waits that double up to a minute, drawn at random so that devices part', async () => {
    const tries = 12
    const waits: number[][] = []
    for (let seed = 1; seed <= 8; seed++) {
      const asked: number[] = []
      const made = shopWorld({
        devices: 1,
        seed,
        serve: async () => {
          asked.push(made.clock.now())
          throw new TypeError('nobody is there')
        },
      })
      world = made
      await until(made.clock, () => asked.length > tries)
      waits.push(asked.slice(1, tries + 1).map((at, nth) => at - (asked[nth] ?? 0)))
      await made.close()
      world = undefined
    }
    for (let nth = 0; nth < tries; nth++) {
      const longest = Math.min(60_000, 500 * 2 ** nth)
      const drawn = waits.map((one) => one[nth] ?? 0)
      for (const wait of drawn) expect(wait).toBeLessThanOrEqual(longest)
      expect(Math.max(...drawn)).toBeGreaterThan(longest / 2)
      expect(Math.min(...drawn)).toBeLessThan(longest / 2)
      expect(new Set(drawn).size).toBe(drawn.length)
    }
  })

  test('AE-11 is left alone by appends after five failures in a row, until time, the app or a success closes the circuit', async () => {
    const asked: number[] = []
    let isDown = true
    const made = shopWorld({
      devices: 1,
      serve: async (request, next) => {
        if (!request.url.includes('/live')) asked.push(made.clock.now())
        if (isDown) throw new TypeError('nobody is there')
        return next(request)
      },
    })
    world = made
    const [device] = devicesOf(made, 1)
    const { log } = device!
    /** How many requests an act causes before any time passes. */
    const caused = async (act: () => unknown): Promise<number> => {
      const before = asked.length
      await act()
      for (let nth = 0; nth < 3; nth++) await turns()
      return asked.length - before
    }
    const append = async (at: string) => unwrap(await log.append([added('c', at)]))
    expect(await caused(() => log.ready)).toBe(1)
    for (let failures = 1; failures < 5; failures++) {
      expect(await caused(() => append(`${failures}`))).toBe(1)
      expect(log.sync.get()).toMatchObject({ state: 'waiting', failures: failures + 1 })
    }
    for (let nth = 0; nth < 20; nth++) expect(await caused(() => append(`idle ${nth}`))).toBe(0)
    expect(await caused(() => log.sync.now())).toBe(1)
    expect(log.sync.get()).toMatchObject({ state: 'waiting', failures: 6, pending: 24 })
    const { retryAt } = log.sync.get()
    const before = asked.length
    await until(made.clock, () => asked.length > before)
    expect(asked[before]).toBe(retryAt)
    isDown = false
    await made.settle()
    expect(log.sync.get()).toMatchObject({ state: 'live', failures: 0, pending: 0, synced: true })
    expect(await caused(() => append('closed again'))).toBeGreaterThan(0)
  })

  test('AE-11 decides a command again a bounded number of times, then keeps it with the last conflict', async () => {
    let rounds = 0
    let isContended = true
    const hall = simulate(seating, {
      devices: 2,
      serve: async (request, next) => {
        const isAnns = request.method === 'POST' && (await request.clone().text()).includes('"by":"ann"')
        if (isAnns && isContended) {
          rounds++
          const [, bob] = hall.devices
          const { receipt } = unwrap(await bob.log.execute(rounds % 2 === 1 ? book : release, { seat: '1', by: 'bob' }))
          await bob.log.whenConfirmed(receipt)
        }
        return next(request)
      },
    })
    const [ann] = hall.devices
    await hall.settle()
    const { receipt } = unwrap(await ann.log.execute(tell, { by: 'ann' }))
    let end: Awaited<ReturnType<typeof ann.log.whenConfirmed>> | undefined
    void ann.log.whenConfirmed(receipt).then((ended) => {
      end = ended
    })
    await until(hall.clock, () => end !== undefined)
    expect(end?.status).toBe('conflict')
    expect(rounds).toBe(250)
    const [letter] = await ann.log.deadLetters.list()
    expect(letter).toMatchObject({ decider: 'tell', attempt: 250, reason: { type: 'Conflict' } })
    expect(letter?.causedBy.at(-1)).toMatchObject({ type: 'Released', data: { by: 'bob' } })
    isContended = false
    unwrap(await ann.log.deadLetters.retry(receipt.commitId))
    await hall.settle()
    expect(await ann.log.whenConfirmed(receipt)).toMatchObject({ status: 'confirmed' })
    await hall.close()
  })
})
