// What follows by itself, over devices: on a clock and a network of its own.

import { createTranslator, tasksOf } from 'tidelog/automation'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { type Publish, publishTries } from './automations.ts'
import { cart } from './cart.ts'
import { reasonToWords, wishToWords } from './letter-words.ts'
import { translatePrice, translateStock } from './outside/messages.ts'
import { addItem, submitCart } from './rules.ts'
import { type ShopLog, shopWith } from './shop.ts'

const openShop = (publish: Publish = async () => {}) => simulate(shopWith(publish), { devices: 2 })
let world: ReturnType<typeof openShop>
afterEach(() => world.close())

const item = (cartId: string, itemId: string, price = 900) => ({
  ...{ cartId, itemId, productId: 'mug', price },
  fingerprint: 'test',
})
const order = (cartId: string) => ({ cartId, total: 900, productIds: ['mug'] })
const reprice = (log: ShopLog, is: number, offset = 1) =>
  createTranslator(log, 'prices', translatePrice).receive({ good: 'mug', was: 900, is }, offset)
const cartOf = async (log: ShopLog, cartId: string) => log.view(cart, { cartId }).waitFor((await log.logHead()).marker)
const typesOf = async (log: ShopLog) => (await log.read().all()).events.map(({ type }) => type)
const toldOf = async (log: ShopLog) =>
  (await log.deadLetters.list()).map((letter) => `${wishToWords(letter)}. ${reasonToWords(letter)}`)

/** Lets time pass until something is so, and everything is confirmed. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let steps = 0; !(await isSo()); steps++) {
    if (steps > 5_000) throw new Error('it never came to that')
    world.clock.step()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  await world.settle()
}
const has =
  (log: ShopLog, type: string, times = 1) =>
  async () =>
    (await typesOf(log)).filter((one) => one === type).length >= times

describe('a price change', () => {
  test('CART-9 takes the product out of the carts of all devices, once, and leaves those that were ordered', async () => {
    world = openShop()
    const [a, b] = world.devices
    await a.log.execute(addItem, item('one', '1'))
    await b.log.execute(addItem, item('two', '2'))
    await b.log.execute(addItem, item('done', '3'))
    await world.settle()
    await b.log.execute(submitCart, order('done'))
    await world.settle()
    await reprice(a.log, 850)
    await until(has(b.log, 'ItemArchived', 2))
    expect(await reprice(a.log, 850)).toBe('bypassed')
    await reprice(a.log, 850, 2)
    await world.settle()
    expect((await typesOf(b.log)).filter((type) => type === 'ItemArchived')).toHaveLength(2)
    for (const { log } of [a, b]) {
      for (const cartId of ['one', 'two'])
        expect(await cartOf(log, cartId)).toMatchObject({ items: [], archived: ['mug'] })
      expect(await cartOf(log, 'done')).toMatchObject({ items: [{ itemId: '3' }], archived: [] })
    }
  })
  test('refuses what another device added at the old price without knowing', async () => {
    world = openShop()
    const [a, b] = world.devices
    b.offline()
    await reprice(a.log, 850)
    await world.settle()
    expect(await b.log.execute(addItem, item('two', '2'))).toMatchObject({ ok: true })
    b.online()
    await world.settle()
    expect(await toldOf(b.log)).toEqual(['Add Enamel mug. It cost €8.50 by then.'])
    expect(await b.log.execute(addItem, item('two', '2'))).toMatchObject({ reason: { type: 'PriceHasChanged' } })
    expect(await b.log.execute(addItem, item('two', '3', 850))).toMatchObject({ ok: true })
  })
})

test('a count refuses an order that another device placed without knowing', async () => {
  world = openShop()
  const [a, b] = world.devices
  await b.log.execute(addItem, item('c', '1'))
  await world.settle()
  b.offline()
  await createTranslator(a.log, 'stock', translateStock).receive({ box: 'mug', left: 0 }, 1)
  await world.settle()
  expect(await b.log.execute(submitCart, order('c'))).toMatchObject({ ok: true })
  b.online()
  await world.settle()
  expect(await toldOf(b.log)).toEqual(['Order for €9.00. It was sold out by then.'])
  expect(await typesOf(b.log)).not.toContain('CartSubmitted')
})

describe('an order', () => {
  test('CART-10 is published by the device that placed it, and by no other', async () => {
    const keys: string[] = []
    world = openShop(async (_order, { key }) => void keys.push(key))
    const [a, b] = world.devices
    await a.log.execute(addItem, item('c', '1'))
    await a.log.execute(submitCart, order('c'))
    await until(has(b.log, 'CartPublished'))
    expect(keys).toHaveLength(1)
    expect(await cartOf(b.log, 'c')).toMatchObject({ publication: { state: 'published' } })
    expect((await tasksOf(b.log).list()).length).toBe(0)
    expect(await tasksOf(a.log).list()).toMatchObject([{ status: 'done', attempts: 1 }])
  })
  test('CART-10 is tried again, and when no try succeeds that is a fact, until it is made due again', async () => {
    let tries = 0
    let isClosed = true
    world = openShop(async () => {
      tries++
      if (isClosed) throw new Error('The harbour office is closed.')
    })
    const [a] = world.devices
    await a.log.execute(addItem, item('c', '1'))
    await a.log.execute(submitCart, order('c'))
    await until(has(a.log, 'CartPublicationFailed'))
    expect(tries).toBe(publishTries)
    const problem = 'The harbour office is closed.'
    expect(await cartOf(a.log, 'c')).toMatchObject({ publication: { state: 'failed', problem } })
    isClosed = false
    const tasks = tasksOf(a.log)
    const [task] = await tasks.list()
    expect(task).toMatchObject({ status: 'failed', attempts: publishTries, message: problem })
    expect(await tasks.retry(task!.id)).toBe(true)
    await until(has(a.log, 'CartPublished'))
    expect(await cartOf(a.log, 'c')).toMatchObject({ publication: { state: 'published' } })
  })
})
