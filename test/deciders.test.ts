// Commands on one device, through the public entries.

import { unwrap } from 'tidelog'
import { simulate, type World } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { book, bookAny, ensureHeld, heldOf, events as seatEvents, seating, seats, tell } from './seats.ts'
import { addItem, clearCart, removeItem, ruledShop, submitCart } from './types/deciders.ts'
import { cart, events, shop } from './types/shop.ts'

let world: Pick<World<never>, 'close'> | undefined
afterEach(() => world?.close())

function openDevice() {
  const made = simulate(ruledShop, { devices: 1 })
  world = made
  return { world: made, device: made.devices[0], log: made.devices[0].log }
}
function openHall() {
  const made = simulate(seating, { devices: 1 })
  world = made
  return { world: made, device: made.devices[0], log: made.devices[0].log }
}
const item = (cartId: string, itemId: string) => ({ cartId, itemId, productId: 'p', price: 2 })

describe('CART-2 adding an item', () => {
  test('CART-2 creates the cart when there is none: two events, one commit', async () => {
    const { log, world } = openDevice()
    const { receipt, events: recorded } = unwrap(await log.execute(addItem, item('c', 'i1')))
    expect(recorded.map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded'])
    expect(new Set(recorded.map(({ commitId }) => commitId))).toEqual(new Set([receipt.commitId]))
    expect(receipt.versions).toEqual({ 'cart-c': 2 })
    expect((await log.logHead()).pending).toBe(1)
    await world.settle()
    expect((await log.read().all()).events).toMatchObject([
      { type: 'CartCreated', position: 1, version: 1 },
      { type: 'ItemAdded', position: 2, version: 2, data: { itemId: 'i1', fingerprint: 'default-fingerprint' } },
    ])
  })

  test('CART-2 takes three items and refuses the fourth; one that is removed makes room', async () => {
    const { log } = openDevice()
    for (const id of ['1', '2', '3']) unwrap(await log.execute(addItem, item('c', id)))
    const full = { ok: false, reason: { type: 'CartFull', data: { max: 3 } } }
    expect(await log.execute(addItem, item('c', '4'))).toEqual(full)
    expect((await log.streamHead('cart-c')).version).toBe(4)
    expect((await log.execute(addItem, item('d', '1'))).ok).toBe(true)
    unwrap(await log.execute(removeItem, { cartId: 'c', itemId: '2' }))
    unwrap(await log.execute(addItem, item('c', '4')))
    expect(await log.execute(addItem, item('c', '5'))).toEqual(full)
  })

  test('CART-2 is refused once the cart is submitted, pending or confirmed', async () => {
    const { log, world } = openDevice()
    unwrap(await log.execute(addItem, item('c', '1')))
    unwrap(await log.execute(submitCart, { cartId: 'c' }))
    const refused = { ok: false, reason: { type: 'CartCannotBeAltered' } }
    expect(await log.execute(addItem, item('c', '2'))).toMatchObject(refused)
    await world.settle()
    expect(await log.execute(addItem, item('c', '2'))).toMatchObject(refused)
    expect((await log.read({ stream: 'cart-c' }).all()).events.at(-1)).toMatchObject({ data: { total: 2 } })
  })
})

test('CART-4 an item or a cart that is unknown is refused by name, with what was asked for', async () => {
  const { log } = openDevice()
  const unknown = { ok: false, reason: { type: 'CartDoesNotExist', data: undefined } }
  expect(await log.execute(removeItem, { cartId: 'c', itemId: 'x' })).toEqual(unknown)
  expect(await log.execute(clearCart, { cartId: 'c' })).toEqual(unknown)
  unwrap(await log.execute(addItem, item('c', 'i')))
  expect(await log.execute(removeItem, { cartId: 'c', itemId: 'x' })).toEqual({
    ok: false,
    reason: { type: 'ItemNotInCart', data: { itemId: 'x' } },
  })
  unwrap(await log.execute(clearCart, { cartId: 'c' }))
  expect((await log.read().all()).events).toHaveLength(3)
})

test('CART-5 a command answers its head: any tab waits for it, and it is confirmed with the position of its first event', async () => {
  const { log, device, world } = openDevice()
  const view = device.openTab().view(cart, { cartId: 'c' })
  const { receipt } = unwrap(await log.execute(addItem, item('c', 'i')))
  expect((await view.waitFor(receipt))?.items).toMatchObject([{ id: 'i', pending: true }])
  await world.settle()
  expect(await log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
})

describe('what a command looks at', () => {
  test('DCB-6 a stream, a query or both: one command is refused for what another does not see', async () => {
    const { log } = openHall()
    unwrap(await log.execute(book, { seat: '1', by: 'ann' }))
    unwrap(await log.execute(book, { seat: '2', by: 'ann' }))
    expect(await log.execute(book, { seat: '1', by: 'bob' })).toMatchObject({
      reason: { type: 'SeatTaken', data: { by: 'ann' } },
    })
    expect(unwrap(await log.execute(bookAny, { by: 'bob' })).events).toMatchObject([{ data: { seat: '3' } }])
    expect(await log.execute(bookAny, { by: 'eve' })).toMatchObject({ reason: { type: 'SoldOut', data: { seats: 3 } } })
  })

  test('DCB-6 the stream beside a query is where the events go, whatever their definition names', async () => {
    const { log } = openDevice()
    unwrap(await log.append('elsewhere', [events.CartCreated({ cartId: 'c' })]))
    unwrap(await log.append('elsewhere', [events.ItemAdded(item('c', 'i'))]))
    const { receipt } = unwrap(await log.execute(removeItem, { cartId: 'c', itemId: 'i' }))
    expect(receipt.versions).toEqual({ 'cart-c': 1 })
  })

  test('is also what was appended, confirmed and pending, here and in other tabs', async () => {
    const { log, device, world } = openHall()
    unwrap(await log.append([seatEvents.Booked({ seat: '1', by: 'ann' })]))
    await world.settle()
    device.offline()
    unwrap(await device.openTab().append([seatEvents.Booked({ seat: '2', by: 'bob' })]))
    const { events: told } = unwrap(await log.execute(tell, { by: 'eve' }))
    expect(told).toMatchObject([{ data: { held: '1:ann 2:bob' }, position: undefined }])
  })

  test('is what stands before it in the same tick, appends and commands alike', async () => {
    const { log } = openHall()
    const [, first, second, , told] = await Promise.all([
      log.append([seatEvents.Booked({ seat: '1', by: 'ann' })]),
      log.execute(book, { seat: '1', by: 'bob' }),
      log.execute(book, { seat: '2', by: 'bob' }),
      log.append([seatEvents.Released({ seat: '1', by: 'ann' })]),
      log.execute(tell, { by: 'eve' }),
    ])
    expect(first).toMatchObject({ ok: false, reason: { type: 'SeatTaken', data: { by: 'ann' } } })
    expect(second.ok).toBe(true)
    expect(unwrap(told).events).toMatchObject([{ data: { held: '2:bob' } }])
  })

  test('also guards an append of the same tick: each sees those before it', async () => {
    const { log } = openHall()
    const isFree = { failIfEventsMatch: { tags: { seat: '1' } } } as const
    const [booked, appended] = await Promise.all([
      log.execute(book, { seat: '1', by: 'ann' }),
      log.append([seatEvents.Booked({ seat: '1', by: 'bob' })], isFree),
    ])
    expect(booked.ok).toBe(true)
    expect(appended).toMatchObject({ ok: false, reason: { type: 'ConditionConflict' } })
  })
})

describe('commands at the same time', () => {
  test('in two tabs never book a seat twice', async () => {
    const { log, device, world } = openHall()
    const tabs = [log, device.openTab(), device.openTab()]
    await Promise.all(tabs.map((tab) => tab.ready))
    for (let round = 0; round < 20; round++) {
      const seat = `r${round}`
      const outcomes = await Promise.all(tabs.map((tab, nth) => tab.execute(book, { seat, by: `tab ${nth}` })))
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    }
    await world.settle()
    const { events: all } = await log.read().all()
    expect(all.map(({ data }) => 'seat' in data && data.seat)).toEqual(Array.from({ length: 20 }, (_, at) => `r${at}`))
    expect(await log.deadLetters.list()).toEqual([])
  })

  test('are decided one after the other: of a hundred on one cart three are taken', async () => {
    const { log } = openDevice()
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, at) => log.execute(addItem, item('c', `i${at}`))),
    )
    expect(outcomes.map(({ ok }) => ok)).toEqual(Array.from({ length: 100 }, (_, at) => at < 3))
    for (const outcome of outcomes.slice(3)) expect(outcome).toMatchObject({ reason: { type: 'CartFull' } })
    expect(outcomes.slice(0, 3).map((one) => unwrap(one).receipt.versions)).toEqual([
      { 'cart-c': 2 },
      { 'cart-c': 3 },
      { 'cart-c': 4 },
    ])
    expect((await log.logHead()).pending).toBe(3)
  })
})

describe('AE-10 a command that is given its id', () => {
  test('AE-10 is decided once: asked again it answers what it answered, pending and confirmed', async () => {
    const { log, device, world } = openDevice()
    const again = () => log.execute(addItem, item('c', 'i'), { commitId: 'mine', metadata: { correlationId: 'k' } })
    const first = unwrap(await again())
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
    const sameAs = async (one: ReturnType<typeof again>) => {
      const { receipt, events: recorded } = unwrap(await one)
      expect(receipt.versions).toEqual(first.receipt.versions)
      expect(plain(recorded.map(({ position: _position, ...rest }) => rest))).toEqual(plain(first.events))
    }
    await sameAs(again())
    await Promise.all([sameAs(again()), sameAs(again())])
    await sameAs(device.openTab().execute(addItem, item('c', 'i'), { commitId: 'mine' }))
    await world.settle()
    await sameAs(again())
    expect((await log.read().all()).events).toHaveLength(2)
  })

  test('AE-10 twice in one tick is one', async () => {
    const { log } = openHall()
    const asked = { seat: '1', by: 'ann' }
    const [one, two] = await Promise.all([
      log.execute(book, asked, { commitId: 'mine' }),
      log.execute(book, asked, { commitId: 'mine' }),
    ])
    expect([one.ok, two.ok]).toEqual([true, true])
    expect((await log.read().all()).events).toHaveLength(1)
  })

  test('is refused when another command has the id while it is pending', async () => {
    const { log, device } = openHall()
    device.offline()
    unwrap(await log.execute(book, { seat: '1', by: 'ann' }, { commitId: 'mine' }))
    const taken = { ok: false, reason: { type: 'IdTaken', commitId: 'mine' } }
    expect(await log.execute(book, { seat: '2', by: 'ann' }, { commitId: 'mine' })).toMatchObject(taken)
    expect(await log.execute(bookAny, { by: 'ann' }, { commitId: 'mine' })).toMatchObject(taken)
    expect(await log.append([seatEvents.Told({ by: 'ann', held: '' })], { commitId: 'mine' })).toMatchObject(taken)
  })

  test('that was refused left nothing: the id is free', async () => {
    const { log } = openHall()
    unwrap(await log.execute(book, { seat: '1', by: 'ann' }))
    expect((await log.execute(book, { seat: '1', by: 'bob' }, { commitId: 'mine' })).ok).toBe(false)
    expect((await log.execute(book, { seat: '2', by: 'bob' }, { commitId: 'mine' })).ok).toBe(true)
  })
})

test('a command that finds nothing to do succeeds, writes nothing, and says so', async () => {
  const { log, device } = openHall()
  device.offline()
  unwrap(await log.execute(book, { seat: '1', by: 'ann' }))
  const before = await log.logHead()
  const { receipt, events: recorded } = unwrap(await log.execute(ensureHeld, { seat: '1', by: 'bob' }))
  expect([recorded, receipt.versions]).toEqual([[], {}])
  expect(await log.logHead()).toEqual(before)
  expect(await log.whenConfirmed(receipt)).toEqual({ status: 'nothing-to-do' })
})

test('a command that its schema does not take is Invalid, with every issue and its place', async () => {
  const { log } = openDevice()
  const outcome = await log.execute(addItem, { cartId: 'c', itemId: 7, productId: 'p', price: '2' } as never)
  expect(outcome).toMatchObject({ ok: false, reason: { type: 'Invalid' } })
  const issues = !outcome.ok && outcome.reason.type === 'Invalid' ? outcome.reason.issues : []
  expect(issues.map(({ path }) => path)).toEqual([expect.stringMatching(/itemId$/), expect.stringMatching(/price$/)])
  expect((await log.logHead()).marker.revision).toBe(0)
})

test('metadata of a command is that of its events', async () => {
  const { log } = openHall()
  const metadata = { actor: 'ann', correlationId: 'k' }
  unwrap(await log.execute(book, { seat: '1', by: 'ann' }, { metadata }))
  expect((await log.read().all()).events).toMatchObject([{ metadata }])
})

test('neither the command nor how often it was decided is sent to the server', async () => {
  const sent: string[] = []
  const made = simulate(ruledShop, {
    devices: 1,
    serve: async (request, next) => {
      if (request.method === 'POST') sent.push(await request.clone().text())
      return next(request)
    },
  })
  world = made
  unwrap(await made.devices[0].log.execute(addItem, item('c', 'i')))
  await made.settle()
  expect(sent.join()).toContain('CartCreated')
  expect(sent.join()).not.toMatch(/add-item|"command"|"attempt"/)
})

test('DCB-5 what a command looked at travels with it as its condition', async () => {
  const conditions: unknown[] = []
  const made = simulate(ruledShop, {
    devices: 1,
    serve: async (request, next) => {
      if (request.method === 'POST') conditions.push((await request.clone().json()).commits[0].condition)
      return next(request)
    },
  })
  world = made
  const [{ log }] = made.devices
  unwrap(await log.execute(addItem, item('c', 'i')))
  await made.settle()
  unwrap(await log.execute(removeItem, { cartId: 'c', itemId: 'i' }))
  await made.settle()
  expect(conditions).toEqual([{ streams: ['cart-c'] }, { query: [{ tags: ['cartId:c'] }] }])
})

test('a decider that the log does not have, or an unknown option, is misuse', async () => {
  const { log } = openDevice()
  const argument = { code: 'tidelog/argument' }
  await expect(log.execute(book as never, { seat: '1', by: 'ann' } as never)).rejects.toMatchObject(argument)
  const made = simulate(shop, { devices: 1 })
  await expect(made.devices[0].log.execute(addItem as never, item('c', 'i') as never)).rejects.toMatchObject(argument)
  await made.close()
  await expect(log.execute(addItem, item('c', 'i'), { commitid: 'x' } as never)).rejects.toMatchObject(argument)
})

test('a state is folded from everything that is there, however much', async () => {
  const { log, world } = openHall()
  for (let nth = 0; nth < 30; nth++) {
    unwrap(await log.execute(book, { seat: `s${nth}`, by: 'ann' }))
    if (nth === 15) await world.settle()
  }
  const { events: told } = unwrap(await log.execute(tell, { by: 'bob' }))
  const held = heldOf(Object.fromEntries(Array.from({ length: 30 }, (_, nth) => [`s${nth}`, 'ann'])))
  expect(told).toMatchObject([{ data: { held } }])
  expect(seats).toHaveLength(3)
})
