import { unwrap } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { cart, events, shop } from './types/shop.ts'

type ShopWorld = ReturnType<typeof simulateShop>
const simulateShop = () => simulate(shop, { devices: 2 })
let world: ShopWorld
afterEach(() => world.close())

const created = (cartId: string) => events.CartCreated({ cartId })
const added = (cartId: string, itemId: string) => events.ItemAdded({ cartId, itemId, productId: 'p1', price: 2 })
const places = async (log: ShopWorld['devices'][number]['log']) =>
  (await log.read().all()).events.map(({ id, position, stream, version }) => ({ id, position, stream, version }))

describe('two devices and a server', () => {
  test('end with the same log after both appended offline', async () => {
    world = simulateShop()
    const [a, b] = world.devices
    if (a === undefined || b === undefined) throw new Error('two devices are wanted')
    unwrap(await a.log.append([created('c1'), added('c1', 'i1')]))
    await world.settle()
    a.offline()
    b.offline()
    unwrap(await a.log.append([added('c1', 'i2')]))
    unwrap(await b.log.append([added('c1', 'i3')]))
    expect((await b.log.read().all()).events.map((event) => event.position)).toEqual([1, 2, undefined])
    a.online()
    b.online()
    await world.settle()
    const here = await places(a.log)
    expect(here).toHaveLength(4)
    expect(here.map(({ position }) => position)).toEqual([1, 2, 3, 4])
    expect(await places(b.log)).toEqual(here)
    const view = b.log.view(cart, { cartId: 'c1' })
    await view.ready
    expect(view.get()?.items.map(({ pending }) => pending)).toEqual([false, false, false])
  })

  test('keeps a commit whose condition no longer holds as a dead letter with its cause', async () => {
    world = simulateShop()
    const [a, b] = world.devices
    if (a === undefined || b === undefined) throw new Error('two devices are wanted')
    a.offline()
    b.offline()
    unwrap(await a.log.append([created('c1')], { expectedVersion: 0 }))
    const second = unwrap(await b.log.append([created('c1')], { expectedVersion: 0 }))
    unwrap(await b.log.append([created('c2')], { expectedVersion: 0 }))
    a.online()
    await world.settle()
    b.online()
    await world.settle()
    const end = await b.log.whenConfirmed(second.receipt)
    expect(end.status).toBe('conflict')
    expect((await b.log.deadLetters.list()).map(({ commitId }) => commitId)).toEqual([second.receipt.commitId])
    expect((await places(b.log)).map(({ stream }) => stream)).toEqual(['cart-c1', 'cart-c2'])
    expect(await places(a.log)).toEqual(await places(b.log))
  })
  test('hear nothing of each other while one is offline, however often it was said to be online before', async () => {
    world = simulateShop()
    const [a, b] = world.devices
    if (a === undefined || b === undefined) throw new Error('two devices are wanted')
    await world.settle()
    b.online()
    b.offline()
    unwrap(await a.log.append([created('c1')]))
    await world.settle()
    expect(await places(b.log)).toEqual([])
    b.online()
    await world.settle()
    expect(await places(b.log)).toEqual(await places(a.log))
  })
})
