// What follows by itself, next to the data: the devices only sync, and see what came of it.

import { defineLog } from 'tidelog'
import { createTranslator, tasksOf } from 'tidelog/automation'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { openServerLog } from 'tidelog/server/log'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { automationsWith, type Publish, publishTries } from './automations.ts'
import { cart } from './cart.ts'
import { translatePrice } from './outside/messages.ts'
import { addItem, submitCart } from './rules.ts'
import { type ShopLog, shop } from './shop.ts'

const syncing = defineLog({ ...shop, automations: [] })
const shopOnServer = (publish: Publish) =>
  defineLog({ ...shop, automations: automationsWith(publish).map((one) => ({ ...one, on: 'server' as const })) })

function openWorld(publish: Publish) {
  const store = memoryStore()
  let handler: ReturnType<typeof createSyncHandler> | undefined
  const world = simulate(syncing, {
    devices: 2,
    serve: (request): Promise<Response> => {
      handler ??= createSyncHandler({ model: syncing, store, clock: world.clock })
      return handler(request)
    },
  })
  const open = () => openServerLog(shopOnServer(publish), { store, clock: world.clock })
  return { world, logs: [open(), open()] as const, stop: () => handler?.stop() }
}
let place: ReturnType<typeof openWorld>
let publish: Publish
const asked: string[] = []
beforeEach(() => {
  asked.length = 0
  publish = async () => {}
  place = openWorld((order, context) => {
    asked.push(order.cartId)
    return publish(order, context)
  })
})
afterEach(async () => {
  let isOver = false
  Promise.all(place.logs.map((log) => log.close())).then(() => {
    isOver = true
  })
  await until(() => isOver)
  await place.world.close()
  place.stop()
})

/** Lets time pass until something is so. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (let steps = 0; !(await isSo()); steps++) {
    if (steps > 5_000) throw new Error('it never came to that')
    place.world.clock.step()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}
const typesOf = async (log: ShopLog) => (await log.read().all()).events.map(({ type }) => type)
const has =
  (log: ShopLog, type: string, times = 1) =>
  async () =>
    (await typesOf(log)).filter((one) => one === type).length >= times

const item = (cartId: string, itemId: string, price = 900) => ({
  ...{ cartId, itemId, productId: 'mug', price },
  fingerprint: 'test',
})
const order = (cartId: string) => ({ cartId, total: 900, productIds: ['mug'] })
const buy = async (log: ShopLog, cartId: string) => {
  await log.execute(addItem, item(cartId, `${cartId}-1`))
  await log.execute(submitCart, order(cartId))
}

test('the publisher works on the server: a device orders, and all devices see what became of it', async () => {
  const [ann, bob] = place.world.devices
  await buy(ann.log, 'one')
  await until(has(bob.log, 'CartPublished'))
  expect(await bob.log.view(cart, { cartId: 'one' }).ready).toMatchObject({ publication: { state: 'published' } })
  const { events } = await bob.log.read({ query: { types: ['CartSubmitted', 'CartPublished'] } }).all()
  expect(events[1]?.metadata.causationId).toBe(events[0]?.id)
  await buy(bob.log, 'two')
  await until(has(ann.log, 'CartPublished', 2))
  expect(asked).toEqual(['one', 'two'])
})

test('an office that fails is asked again, then given up with a fact, and the orders behind it go on', async () => {
  const [ann, bob] = place.world.devices
  publish = async ({ cartId }) => {
    if (cartId === 'bad') throw new Error('closed')
    if (cartId === 'late' && asked.filter((one) => one === 'late').length < 2) throw new Error('not yet')
  }
  for (const cartId of ['bad', 'late', 'good']) await buy(ann.log, cartId)
  await until(has(bob.log, 'CartPublicationFailed'))
  await until(has(bob.log, 'CartPublished', 2))
  expect([...asked].sort()).toEqual([...Array<string>(publishTries).fill('bad'), 'good', 'late', 'late'])
  expect(await bob.log.view(cart, { cartId: 'bad' }).ready).toMatchObject({
    publication: { state: 'failed', problem: 'closed' },
  })
  const tasks = tasksOf(place.logs[1])
  expect((await tasks.list()).map(({ status }) => status).sort()).toEqual(['done', 'done', 'failed'])
  // By hand, once the office is open again.
  publish = async () => {}
  const failed = tasks.get().find(({ status }) => status === 'failed')
  expect(await tasks.retry(failed?.id ?? '')).toBe(true)
  await until(has(ann.log, 'CartPublished', 3))
  tasks.close()
})

test('a message that comes in at the server moves the carts of all devices, once', async () => {
  const [ann, bob] = place.world.devices
  await ann.log.execute(addItem, item('one', '1'))
  await bob.log.execute(addItem, item('two', '2'))
  await place.world.settle()
  const [here, there] = place.logs.map((log) => createTranslator(log, 'prices', translatePrice))
  expect(await here?.receive({ good: 'mug', was: 900, is: 850 }, 1)).toBe('taken')
  expect(await there?.receive({ good: 'mug', was: 900, is: 850 }, 1)).toBe('bypassed')
  await until(has(bob.log, 'ItemArchived', 2))
  await place.world.settle()
  for (const { log } of [ann, bob])
    expect((await typesOf(log)).filter((type) => type === 'ItemArchived')).toHaveLength(2)
})

test('what a device decided without knowing is decided again on what the server had appended', async () => {
  const [ann] = place.world.devices
  await ann.log.ready
  ann.offline()
  const { logs } = place
  await createTranslator(logs[0], 'prices', translatePrice).receive({ good: 'mug', was: 900, is: 850 }, 1)
  expect(await ann.log.execute(addItem, item('one', '1'))).toMatchObject({ ok: true })
  ann.online()
  await until(async () => (await ann.log.deadLetters.list()).length > 0)
  expect(await ann.log.deadLetters.list()).toMatchObject([{ reason: { type: 'PriceHasChanged' } }])
  expect(await logs[1].execute(addItem, item('one', '2'))).toMatchObject({ reason: { type: 'PriceHasChanged' } })
})
