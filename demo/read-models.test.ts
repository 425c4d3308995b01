import { type OpenReadModel, openReadModel } from 'tidelog/read-model'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { events } from './events.ts'
import { type Inventory, inventories, type OpenCart, type Order, openCarts, orders } from './read-models.ts'
import { addItem, removeItem, submitCart } from './rules.ts'
import { shopWith } from './shop.ts'

const openShop = () =>
  simulate(
    shopWith(async () => {}),
    { devices: 1 },
  )
let world: ReturnType<typeof openShop>
let carts: OpenReadModel<OpenCart>
let placed: OpenReadModel<Order>
let stock: OpenReadModel<Inventory>
beforeEach(() => {
  world = openShop()
  const [{ log }] = world.devices
  carts = openReadModel(log, openCarts)
  placed = openReadModel(log, orders)
  stock = openReadModel(log, inventories)
})
afterEach(() => world.close())

const item = (cartId: string, itemId: string, productId = 'mug', price = 900) => ({
  ...{ cartId, itemId, productId, price },
  fingerprint: 'test',
})
const idsOf = async <Row>(found: Promise<{ readonly rows: readonly { readonly id: string; readonly row: Row }[] }>) =>
  (await found).rows.map(({ id }) => id)

test('CART-8 open carts are found by what they hold, pending or not, until they hold nothing or are ordered', async () => {
  const [{ log }] = world.devices
  const holding = (equals: string) => idsOf(carts.find({ index: 'product', equals }))
  await log.execute(addItem, item('a', '1'))
  await log.execute(addItem, item('a', '2'))
  await world.settle()
  world.devices[0].offline()
  await log.execute(addItem, item('b', '3', 'cap', 2_400))
  await log.execute(addItem, item('b', '4'))
  expect(await holding('mug')).toEqual(['a', 'b'])
  expect(await holding('cap')).toEqual(['b'])
  expect(await idsOf(carts.find({ index: 'total', order: 'descending' }))).toEqual(['b', 'a'])
  await log.execute(removeItem, { cartId: 'b', itemId: '4' })
  expect(await holding('mug')).toEqual(['a'])
  await log.execute(removeItem, { cartId: 'b', itemId: '3' })
  expect(await carts.get('b')).toBeUndefined()
  await log.execute(submitCart, { cartId: 'a', total: 1_800, productIds: ['mug'] })
  expect(await carts.count()).toBe(0)
  expect(await placed.get('a')).toMatchObject({ total: 1_800, products: ['mug', 'mug'], state: 'waiting' })
})

test('CART-B an open cart keeps the price of each of its things', async () => {
  const [{ log }] = world.devices
  await log.append([events.ItemAdded(item('a', '1', 'mug', 900)), events.ItemAdded(item('a', '2', 'mug', 850))])
  expect((await carts.get('a'))?.items.map(({ price }) => price)).toEqual([900, 850])
})

test('inventories know what was counted and what has a price, and orders how they fared', async () => {
  const [{ log }] = world.devices
  await log.append([
    events.InventoryChanged({ productId: 'mug', inventory: 3 }),
    events.PriceChanged({ productId: 'mug', oldPrice: 900, newPrice: 850 }),
    events.PriceChanged({ productId: 'cap', oldPrice: 2_400, newPrice: 2_000 }),
    events.InventoryChanged({ productId: 'mug', inventory: 0 }),
  ])
  expect(await stock.get('mug')).toEqual({ name: 'Enamel mug', inventory: 0, price: 850 })
  expect(await idsOf(stock.find({ index: 'stock', equals: 0 }))).toEqual(['mug'])
  expect(await idsOf(stock.find({ index: 'price', order: 'descending' }))).toEqual(['cap', 'mug'])
  expect(await idsOf(stock.find({ index: 'name', prefix: 'wat' }))).toEqual(['cap'])
  const order = (cartId: string) => events.CartSubmitted({ cartId, products: [], total: 1 })
  await log.append([order('a'), order('b'), order('c')])
  await log.append([events.CartPublished({ cartId: 'a' }), events.CartPublicationFailed({ cartId: 'b', problem: '?' })])
  for (const [id, state] of [
    ['a', 'published'],
    ['b', 'failed'],
    ['c', 'waiting'],
  ] as const)
    expect(await idsOf(placed.find({ index: 'state', equals: state }))).toEqual([id])
})
