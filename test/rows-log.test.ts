// What a log never does to what it holds.

import { unwrap } from 'tidelog'
import { exportLog, importLog } from 'tidelog/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { Disk } from './disk.ts'
import { define, events } from './types/shop.ts'
import { added, created, devicesOf, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

const opened: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
const open = <T extends { close(): Promise<unknown> }>(one: T): T => {
  opened.push(one)
  return one
}
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
type Next = (request: Request) => Promise<Response>

describe('what is confirmed', () => {
  /** Two devices that hold the same ten events, and their server. */
  async function filled() {
    const reached: { server?: Next } = {}
    const serve = (request: Request, next: Next) => {
      reached.server = next
      return next(request)
    }
    const world: ShopWorld = open(shopWorld({ devices: 2, serve }))
    const [ann, bob] = devicesOf(world, 2)
    unwrap(await ann!.log.append([created('c')], { commitId: 'first', metadata: { note: 'kept' } }))
    for (let at = 0; at < 9; at++) unwrap(await bob!.log.append([added('c', `${at}`)]))
    await world.settle()
    const ask = async (path: string, init: RequestInit) => {
      const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
      return reached.server!(new Request(`http://server.test/sync/shop/${path}`, { ...init, headers }))
    }
    return { world, ann: ann!, bob: bob!, ask, history: plain(await readAll(ann!.log)) }
  }

  test('AE-2 is neither changed nor removed by anything that can be asked of a log', async () => {
    const { world, ann, bob, history } = await filled()
    const { log } = ann
    expect(
      Object.keys(log).filter((name) => /update|delete|remove|replace|edit|put|truncate|clear/i.test(name)),
    ).toEqual([])
    const confirmed = { ok: false, reason: { type: 'Confirmed', position: 1 } }
    expect(await log.withdraw({ commitId: 'first' })).toEqual(confirmed)
    expect(await bob.log.withdraw({ commitId: 'first' })).toEqual(confirmed)
    for (const facts of [[created('d')], [created('c'), created('c')], [added('c', 'i')]])
      expect(await log.append(facts, { commitId: 'first' })).toMatchObject({ ok: false, reason: { type: 'IdTaken' } })
    expect(await log.deadLetters.discard('first')).toBe(false)
    await expect(log.deadLetters.retry('first')).rejects.toMatchObject({ code: 'tidelog/argument' })
    // A log with another past brings it along as a file.
    const other = open(shopWorld({ devices: 1, seed: 2 }))
    const [carl] = devicesOf(other, 1)
    unwrap(await carl!.log.append([created('another')], { commitId: 'first' }))
    await other.settle()
    const pieces: Uint8Array[] = []
    for await (const { bytes } of exportLog(carl!.log)) pieces.push(bytes)
    const { refused } = await importLog(log, pieces).finished
    expect(refused).toEqual([{ commitId: 'first', reason: 'IdTaken' }])
    await world.settle()
    for (const one of [log, bob.log, ann.openTab()]) expect(plain(await readAll(one))).toEqual(history)
  })

  test('AE-2 is neither changed nor removed by anything that can be asked of a server', async () => {
    const { world, ann, bob, ask, history } = await filled()
    for (const path of ['push', 'pull', 'live', 'segments', '', 'first', 'events/1'])
      for (const method of ['PUT', 'PATCH', 'DELETE'])
        expect((await ask(path, { method, body: '{}' })).status).toSatisfy((status: number) =>
          [404, 405].includes(status),
        )
    const page = await (await ask('pull?position=0&digest=0000000000000000', { method: 'GET' })).json()
    const commit = { ...page.commits[0], contentId: 'another', events: [{ ...page.commits[0].events[0], data: {} }] }
    const body = JSON.stringify({ protocol: 1, seen: page.after, commits: [commit] })
    const { verdicts } = await (await ask('push', { method: 'POST', body })).json()
    expect(verdicts).toEqual([{ id: 'first', verdict: 'duplicate', position: 1 }])
    unwrap(await ann.log.append([added('c', 'last')]))
    await world.settle()
    for (const one of [ann.log, bob.log]) expect(plain((await readAll(one)).slice(0, -1))).toEqual(history)
    const again = await (await ask('pull?position=0&digest=0000000000000000', { method: 'GET' })).json()
    expect(again.commits.slice(0, -1)).toEqual(page.commits)
  })
})

describe('a commit over several streams', () => {
  const itemOf = (itemId: string) => events.ItemRemoved({ cartId: 'c', itemId })
  /** How many events of each of two streams a view has seen: no state may have half a commit. */
  const counts = define.projection<Readonly<Record<string, number>>>({
    name: 'counts',
    version: 1,
    initial: {},
    on: { ItemRemoved: (state, { stream }) => ({ ...state, [stream]: (state[stream] ?? 0) + 1 }) },
  })
  const headsOf = (log: ShopLog) => Promise.all(['a', 'b'].map(async (one) => (await log.streamHead(one)).version))

  test('AE-B is written as a whole or not at all, whatever stands in its way', async () => {
    const disk = new Disk()
    const world = open(shopWorld({ devices: 1, database: () => disk.database }))
    const [device] = devicesOf(world, 1)
    const { log } = device!
    const both = (itemId: string, b: object = {}, options: object = {}) =>
      log.append(
        [
          { stream: 'a', events: [itemOf(itemId)] },
          { stream: 'b', events: [itemOf(itemId)], ...b },
        ],
        options,
      )
    const out = unwrap(await both('1', { expectedVersion: 0 }))
    expect(out.receipt.versions).toEqual({ a: 1, b: 1 })
    expect(new Set(out.events.map(({ commitId }) => commitId))).toEqual(new Set([out.receipt.commitId]))
    const refused = [
      [await both('2', { expectedVersion: 0 }), 'VersionConflict'],
      [await both('2', { expectedVersion: 0 }, { expectedVersion: 1 }), 'VersionConflict'],
      [await both('2', { expectedVersion: 1 }, { expectedVersion: 2 }), 'VersionConflict'],
      [await both('2', { events: [itemOf('2'), events.ItemRemoved({} as never)] }), 'Invalid'],
      [await both('2', {}, { failIfEventsMatch: { types: ['ItemRemoved'] } }), 'ConditionConflict'],
      [await both('2', { events: [itemOf('x'.repeat(900_000))] }), 'TooLarge'],
    ] as const
    for (const [outcome, type] of refused) expect(outcome).toMatchObject({ ok: false, reason: { type } })
    disk.trouble = 'full'
    expect(await both('2')).toMatchObject({ ok: false, reason: { type: 'StorageFull' } })
    disk.trouble = undefined
    await expect(both('2', { events: [{ type: 'Nothing', data: {} }] })).rejects.toMatchObject({
      code: 'tidelog/argument',
    })
    for (const tab of [log, device!.openTab()]) expect(await headsOf(tab)).toEqual([1, 1])
    unwrap(await both('2', { expectedVersion: 1 }))
    expect(await headsOf(log)).toEqual([2, 2])
  })

  test('AE-B is seen as a whole or not at all: in other tabs, on other devices, and when the server refuses it', async () => {
    const world = open(shopWorld({ devices: 2 }))
    const [ann, bob] = devicesOf(world, 2)
    const logs = [ann!.log, ann!.openTab(), bob!.log]
    const states: Readonly<Record<string, number>>[] = []
    const views = logs.map((log) => log.view(counts))
    for (const view of views) view.subscribe(() => states.push(view.get()))
    const both = (log: ShopLog, itemId: string, expectedVersion: number | 'any' = 'any') =>
      log.append([
        { stream: 'a', events: [itemOf(itemId)] },
        { stream: 'b', events: [itemOf(itemId)], expectedVersion },
      ])
    for (let at = 0; at < 20; at++) unwrap(await both(logs[at % 3]!, `${at}`))
    await world.settle()
    bob!.offline()
    unwrap(await both(ann!.log, 'ann', 20))
    const late = unwrap(await both(bob!.log, 'bob', 20))
    bob!.online()
    await world.settle()
    expect(await bob!.log.whenConfirmed(late.receipt)).toMatchObject({ status: 'conflict' })
    for (const [at, log] of logs.entries()) {
      expect(await headsOf(log)).toEqual([21, 21])
      expect(await views[at]?.waitFor((await log.logHead()).marker)).toEqual({ a: 21, b: 21 })
    }
    expect(states.length).toBeGreaterThan(20)
    for (const { a, b } of states) expect(a).toBe(b)
  })
})

describe('what a log gave, or was given', () => {
  const products = [{ productId: 'p', price: 1 }]
  const submitted = () => events.CartSubmitted({ cartId: 'c', products: [...products], total: 1 })
  const isFrozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Reflect.ownKeys(value).every((key) => isFrozen(Reflect.get(value, key))))

  test('AE-B can not be changed into history: an event is frozen to its depth wherever it comes from', async () => {
    const world = open(shopWorld({ devices: 2 }))
    const [ann, bob] = devicesOf(world, 2)
    const folded: unknown[] = []
    const seen = define.projection<number>({
      name: 'seen',
      version: 1,
      initial: 0,
      on: { CartSubmitted: (_, event) => folded.push(event) },
    })
    const view = ann!.log.view(seen)
    bob!.offline()
    const options = { metadata: { note: 'kept' }, expectedVersion: 0 }
    const out = unwrap(await ann!.log.append([submitted()], options))
    await view.waitFor(out.receipt)
    const pending = await readAll(ann!.log)
    unwrap(await bob!.log.append([submitted()], { expectedVersion: 0 }))
    await world.settle()
    bob!.online()
    await world.settle()
    const history = plain(await readAll(ann!.log))
    const iterated: unknown[] = []
    for await (const one of bob!.log.read({ unknown: 'yield' })) iterated.push(one)
    const conflict = await ann!.log.append([submitted()], { failIfEventsMatch: {} })
    const [letter] = await bob!.log.deadLetters.list()
    const given = [out.events, pending, folded, await readAll(bob!.log), iterated, letter?.causedBy].map(
      (some) => some ?? [],
    )
    given.push(!conflict.ok && conflict.reason.type === 'ConditionConflict' ? conflict.reason.events : [])
    for (const some of given) {
      expect(some.length).toBeGreaterThan(0)
      for (const one of some) expect([isFrozen(one), one]).toMatchObject([true, { data: { products } }])
    }
    const [event] = await readAll(ann!.log)
    const inside = event?.data as unknown as { readonly products: unknown[] }
    for (const change of [
      () => Object.assign(event!, { position: 9 }),
      () => Object.assign(inside, { total: 9 }),
      () => inside.products.push({}),
      () => Object.assign(inside.products[0] as object, { price: 9 }),
      () => Object.assign(event!.metadata, { note: 'changed' }),
    ])
      expect(change).toThrow(TypeError)
    for (const { log } of world.devices) expect(plain(await readAll(log))).toEqual(history)
  })

  test('AE-B keeps the data as it was when it was handed over, whatever the caller does to it afterwards', async () => {
    const world = open(shopWorld({ devices: 2 }))
    const [ann, bob] = devicesOf(world, 2)
    const fact = submitted()
    const [metadata, facts] = [{ note: 'kept' }, [fact]]
    const appending = ann!.log.append(facts, { metadata })
    Object.assign(fact.data, { total: 99 })
    fact.data.products.push({ productId: 'late', price: 9 })
    Object.assign(metadata, { note: 'changed' })
    facts.push(submitted())
    const out = unwrap(await appending)
    await world.settle()
    for (const all of [out.events, await readAll(ann!.log), await readAll(bob!.log)]) {
      expect(all).toHaveLength(1)
      expect(all).toMatchObject([{ data: { cartId: 'c', products, total: 1 }, metadata: { note: 'kept' } }])
    }
  })
})
