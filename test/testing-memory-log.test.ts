// A log in this program: what an app does with a log in a browser works over it.

import { TidelogError, unwrap } from 'tidelog'
import { tasksOf } from 'tidelog/automation'
import { createRecorder } from 'tidelog/record'
import { consumersOf, subscribe } from 'tidelog/subscribe'
import { createMemoryDatabase, memoryLog, VirtualClock } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { market, events as sold } from './consumers/market.ts'
import { addItem, ruledShop } from './types/deciders.ts'
import { cart, events } from './types/shop.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()))
})
const open: typeof memoryLog = (model, options) => {
  const log = memoryLog(model, options)
  opened.push(log)
  return log
}

const item = (itemId: string) => ({ cartId: '7', itemId, productId: 'p', price: 2 })
const typesIn = async (log: ReturnType<typeof openShop>) => (await log.read().all()).events.map((event) => event.type)
const openShop = (options?: Parameters<typeof memoryLog>[1]) => open(ruledShop, options)

describe('a log in memory', () => {
  test('decides, confirms at once, reads and folds', async () => {
    const log = openShop()
    const { receipt } = unwrap(await log.execute(addItem, item('1')))
    expect(receipt).toMatchObject({ durable: true, versions: { 'cart-7': 2 } })
    expect(await log.whenConfirmed(receipt)).toMatchObject({ status: 'confirmed', position: 1 })
    unwrap(await log.execute(addItem, item('2')))
    unwrap(await log.execute(addItem, item('3')))
    expect(await log.execute(addItem, item('4'))).toMatchObject({ ok: false, reason: { type: 'CartFull' } })
    const view = log.view(cart, { cartId: '7' })
    expect((await view.ready)?.items.map(({ id, pending }) => [id, pending])).toEqual([
      ['1', false],
      ['2', false],
      ['3', false],
    ])
    expect(await typesIn(log)).toEqual(['CartCreated', 'ItemAdded', 'ItemAdded', 'ItemAdded'])
  })

  test('gives the same ids in every run', async () => {
    const [one, two] = [openShop(), openShop()]
    const ids = []
    for (const log of [one, two]) {
      const { events, receipt } = unwrap(await log.execute(addItem, item('1')))
      ids.push([receipt.commitId, ...events.map(({ id }) => id)])
    }
    expect(ids[0]).toEqual(ids[1])
    expect(new Set(ids[0]).size).toBe(3)
  })

  test('is in its database the next time, and seen by another tab of it at once', async () => {
    const database = createMemoryDatabase('one')
    const [here, there] = [openShop({ database }), openShop({ database })]
    const view = there.view(cart, { cartId: '7' })
    await view.ready
    const { receipt } = unwrap(await here.execute(addItem, item('1')))
    expect((await view.waitFor(receipt))?.items).toHaveLength(1)
    unwrap(await there.execute(addItem, item('2')))
    await here.close()
    await there.close()
    expect(await typesIn(openShop({ database }))).toEqual(['CartCreated', 'ItemAdded', 'ItemAdded'])
    expect(await typesIn(openShop())).toEqual([])
  })

  test('takes nothing any more when it is closed', async () => {
    const log = openShop()
    await log.ready
    await log.close()
    expect(log.storage.get().state).toBe('closed')
    await expect(log.execute(addItem, item('1'))).rejects.toThrow(TidelogError)
  })

  test('refuses options that make no sense', () => {
    const wrong = expect.objectContaining({ name: 'tidelog/argument' })
    expect(() => memoryLog(ruledShop, { clok: new VirtualClock() } as never)).toThrow(wrong)
    const database = createMemoryDatabase('one')
    openShop({ database, clock: new VirtualClock() })
    expect(() => memoryLog(ruledShop, { database, clock: new VirtualClock() })).toThrow(wrong)
    expect(openShop({ database }).name).toBe('shop')
  })

  test('is subscribed to, and its subscription goes on where it was', async () => {
    const log = openShop()
    const seen: string[] = []
    const follow = () =>
      subscribe(log, { name: 'seen', to: 'head' }, ({ type, position }) => {
        seen.push(`${position} ${type}`)
      }).ended
    unwrap(await log.execute(addItem, item('1')))
    expect((await follow()).reason).toBe('head-reached')
    unwrap(await log.execute(addItem, item('2')))
    await follow()
    expect(seen).toEqual(['1 CartCreated', '2 ItemAdded', '3 ItemAdded'])
    expect(consumersOf(log).get()).toEqual([])
  })

  test('records', async () => {
    const log = openShop()
    const recorder = createRecorder(log)
    expect(recorder.record(events.CartCreated({ cartId: '7' }))).toBe(true)
    await recorder.close()
    expect(await typesIn(log)).toEqual(['CartCreated'])
  })
})

describe('a clock that stands still', () => {
  const hour = 60 * 60_000

  test('gives the events their time, and moves only when it is moved', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1))
    const log = openShop({ clock })
    const timeOf = async (itemId: string) => unwrap(await log.execute(addItem, item(itemId))).events.at(-1)?.time
    expect(await timeOf('1')).toBe('2026-01-01T00:00:00.000Z')
    expect(await timeOf('2')).toBe('2026-01-01T00:00:00.000Z')
    await clock.pass(hour)
    expect(await timeOf('3')).toBe('2026-01-01T01:00:00.000Z')
  })

  test('lets what is due happen: reactors at once, tasks and their tries in time', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1))
    let isUp = false
    const publish = () => {
      if (!isUp) throw new Error('the printer is off')
      return 'published'
    }
    const log = open(market({ publish, task: { attempts: 50 } }), { clock })
    const typesOf = async () => (await log.read().all()).events.map((event) => event.type)
    const tasks = tasksOf(log)
    unwrap(await log.append([sold.ItemAdded({ cartId: '7', productId: 'p' })]))
    unwrap(await log.append([sold.PriceChanged({ productId: 'p', price: 1 })]))
    unwrap(await log.append([sold.CartSubmitted({ cartId: '7', afterMs: hour })]))
    await clock.pass(1_000)
    const before = ['ItemAdded', 'PriceChanged', 'CartSubmitted', 'ItemArchived', 'PriceNoted']
    expect([...(await typesOf())].sort()).toEqual([...before].sort())
    expect((await tasks.list()).map(({ status, attempts }) => [status, attempts])).toEqual([['waiting', 0]])
    await clock.pass(hour)
    expect((await tasks.list()).map(({ status, message }) => [status, message])).toEqual([
      ['waiting', 'the printer is off'],
    ])
    isUp = true
    await clock.pass(60_000)
    expect((await tasks.list()).map(({ status }) => status)).toEqual(['done'])
    expect((await typesOf()).at(-1)).toBe('CartPublished')
    tasks.close()
  })

  test('calls what falls due on the way, in the order of its time, and ends where it was told', async () => {
    const clock = new VirtualClock(100)
    const called: string[] = []
    clock.after(20, () => called.push(`late ${clock.now()}`))
    clock.after(10, () => {
      called.push(`first ${clock.now()}`)
      clock.after(5, () => called.push(`made on the way ${clock.now()}`))
    })
    clock.after(21, () => called.push('too late'))
    await clock.pass(20)
    expect(called).toEqual(['first 110', 'made on the way 115', 'late 120'])
    expect(clock.now()).toBe(120)
    await clock.pass(0)
    expect([clock.now(), called.length]).toEqual([120, 3])
    await expect(clock.pass(-1)).rejects.toThrow(expect.objectContaining({ name: 'tidelog/argument' }))
  })
})
