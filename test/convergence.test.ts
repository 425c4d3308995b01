import { unwrap } from 'tidelog'
import { seededRandom } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import {
  Acknowledged,
  added,
  created,
  devicesOf,
  mustAgree,
  mustBeWhole,
  readAll,
  type ShopWorld,
  shopWorld,
} from './world.ts'

let world: ShopWorld
afterEach(() => world.close())

describe('three devices', () => {
  test('that append a hundred times each at once end with the same log', async () => {
    world = shopWorld({ devices: 3 })
    const acknowledged = new Acknowledged()
    await Promise.all(
      world.devices.flatMap((device, nth) =>
        Array.from({ length: 100 }, (_, at) =>
          acknowledged.note(device, device.log.append([added(`c${at % 7}`, `${nth}-${at}`)])),
        ),
      ),
    )
    await world.settle()
    expect(await mustAgree(world, acknowledged)).toHaveLength(300)
    for (const { log } of world.devices) expect(await log.deadLetters.list()).toEqual([])
  })

  test('that were offline with conditions of their own keep the ones that hold, and the others as dead letters', async () => {
    world = shopWorld({ devices: 3 })
    const acknowledged = new Acknowledged()
    for (const device of world.devices) device.offline()
    for (const [nth, device] of world.devices.entries())
      for (let cart = 0; cart < 10; cart++)
        await acknowledged.note(
          device,
          device.log.append([created(`c${(cart + nth * 5) % 20}`), added(`c${cart}`, `${nth}`)], {
            failIfEventsMatch: { types: ['CartCreated'], tags: { cartId: `c${(cart + nth * 5) % 20}` } },
          }),
        )
    for (const device of world.devices) {
      device.online()
      await world.settle()
    }
    await mustAgree(world, acknowledged)
    const carts = (await readAll(world.devices[0]!.log)).filter(({ type }) => type === 'CartCreated')
    expect(new Set(carts.map(({ stream }) => stream)).size).toBe(carts.length)
    const letters = await Promise.all(world.devices.map(({ log }) => log.deadLetters.list()))
    expect(carts.length + letters.flat().length).toBe(30)
    expect(letters.map((list) => list.length)).toEqual([0, 5, 5])
  })

  test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
    'end with the same log after a random day (seed %i)',
    async (seed) => {
      world = shopWorld({ devices: 3, seed })
      const { fraction } = seededRandom(seed * 7919)
      const pick = (max: number): number => Math.floor(fraction() * max)
      const acknowledged = new Acknowledged()
      const under: Promise<unknown>[] = []
      for (let step = 0; step < 60; step++) {
        const device = world.devices[pick(3)]!
        const cart = `c${pick(3)}`
        const append = [
          () => device.log.append([added(cart, `${step}`)]),
          () => device.log.append([created(cart)], { expectedVersion: 0 }),
          () => device.log.append([added(cart, `${step}`)], { expectedVersion: 'exists' }),
          () =>
            device.log.append([created(cart), added(`c${pick(3)}`, `${step}`)], {
              failIfEventsMatch: { types: ['CartCreated'], tags: { cartId: cart } },
            }),
        ][pick(4)]!
        const act = pick(10)
        if (act === 0) device.offline()
        else if (act === 1) device.online()
        else if (act === 2) world.clock.step()
        else under.push(acknowledged.note(device, append()))
        if (pick(3) === 0) await Promise.all(under)
      }
      await Promise.all(under)
      for (const device of world.devices) device.online()
      await world.settle()
      await mustAgree(world, acknowledged)
    },
  )
})

describe('tabs of one device', () => {
  test('that both append while the leading tab is closed lose nothing', async () => {
    world = shopWorld({ devices: 2 })
    const [device, other] = devicesOf(world, 2)
    const acknowledged = new Acknowledged()
    const second = device!.openTab()
    await Promise.all([device!.log.ready, second.ready])
    const append = (log: typeof second, at: string) => acknowledged.note(device!, log.append([added('c', at)]))
    await Promise.all(Array.from({ length: 20 }, (_, at) => append(at % 2 === 0 ? device!.log : second, `${at}`)))
    // The first tab came first, so it leads.
    const closing = device!.log.close()
    await Promise.all(Array.from({ length: 20 }, (_, at) => append(second, `late ${at}`)))
    await closing
    await world.settle()
    await mustBeWhole(
      new Map([
        [device!, second],
        [other!, other!.log],
      ]),
      acknowledged,
    )
    expect(await readAll(second)).toHaveLength(40)
  })

  test('both show what either appended, and the same once it is confirmed', async () => {
    world = shopWorld({ devices: 1 })
    const [device] = devicesOf(world, 1)
    const second = device!.openTab()
    const acknowledged = new Acknowledged()
    await acknowledged.note(device!, device!.log.append([created('c')], { expectedVersion: 0 }))
    expect(await acknowledged.note(device!, second.append([created('c')], { expectedVersion: 0 }))).toBe(false)
    await acknowledged.note(device!, second.append([added('c', 'i')], { expectedVersion: 1 }))
    await world.settle()
    for (const log of [device!.log, second]) await mustBeWhole(new Map([[device!, log]]), acknowledged)
  })

  test('that all lead at once are harmless', async () => {
    const grantEverybody = {
      request: (_name: string, _options: unknown, hold: () => Promise<void>) => hold().then(() => true),
    }
    world = shopWorld({ devices: 2, locks: () => grantEverybody })
    const acknowledged = new Acknowledged()
    const tabs = world.devices.flatMap((device) =>
      [device.log, device.openTab(), device.openTab()].map((log) => ({ device, log })),
    )
    for (let round = 0; round < 10; round++)
      await Promise.all(
        tabs.map(({ device, log }, nth) => {
          const facts = [added(`c${round % 3}`, `${round}-${nth}`)]
          const none = { failIfEventsMatch: { tags: { productId: 'none' } } }
          return acknowledged.note(device, nth % 2 === 0 ? log.append(facts) : log.append(facts, none))
        }),
      )
    await world.settle()
    await mustAgree(world, acknowledged)
    expect(await readAll(tabs[1]!.log)).toHaveLength(60)
  })

  test('opened on a database that was closed while offline find all of it, and send it', async () => {
    world = shopWorld({ devices: 2 })
    const [device, other] = devicesOf(world, 2)
    const acknowledged = new Acknowledged()
    device!.offline()
    await acknowledged.note(device!, device!.log.append([created('c')], { expectedVersion: 0 }))
    await acknowledged.note(device!, device!.log.append([added('c', 'i')], { expectedVersion: 1 }))
    const before = (await readAll(device!.log)).map(({ id }) => id)
    await device!.log.close()
    await acknowledged.note(other!, other!.log.append([created('d')]))
    await world.settle()
    const again = device!.openTab()
    expect((await readAll(again)).map(({ id }) => id)).toEqual(before)
    device!.online()
    await world.settle()
    await mustBeWhole(
      new Map([
        [device!, again],
        [other!, other!.log],
      ]),
      acknowledged,
    )
    expect((await readAll(again)).map(({ type }) => type)).toEqual(['CartCreated', 'CartCreated', 'ItemAdded'])
  })

  test('follow each other although every notice is lost', async () => {
    world = shopWorld({ devices: 1 })
    const [device] = devicesOf(world, 1)
    const second = device!.openTab()
    device!.loseNotices(() => true)
    unwrap(await device!.log.append([created('c')], { expectedVersion: 0 }))
    expect((await second.append([created('c')], { expectedVersion: 0 })).ok).toBe(false)
    unwrap(await second.append([added('c', 'i')], { expectedVersion: 1 }))
    expect(await readAll(device!.log)).toHaveLength(2)
  })
})
