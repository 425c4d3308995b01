// The other examples of dcb.events, made of small models: a price that changes, and a user name that is unique.

import { defineEvents, defineFor, defineLog, event, refuse, type, unwrap } from 'tidelog'
import { given, simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'

const events = defineEvents({
  ProductDefined: event(type<{ product: string; price: number }>(), { stream: () => 'products', tags: ['product'] }),
  PriceChanged: event(type<{ product: string; price: number }>(), { stream: () => 'products', tags: ['product'] }),
  Ordered: event(type<{ orderId: string; products: readonly string[] }>(), {
    stream: ({ orderId }) => `order-${orderId}`,
    tags: ['orderId'],
  }),
  AccountOpened: event(type<{ account: string; username: string }>(), {
    stream: ({ account }) => `account-${account}`,
    tags: ['account', 'username'],
  }),
  Renamed: event(type<{ account: string; username: string; before: string }>(), {
    stream: ({ account }) => `account-${account}`,
    tags: ['account', 'username', 'before'],
  }),
})
const define = defineFor(events)

const graceMs = 10 * 60_000
interface Price {
  readonly now: number
  readonly before?: { readonly price: number; readonly until: string }
}
const prices = define.projection<Readonly<Record<string, Price>>, { products: readonly string[] }>({
  name: 'prices',
  version: 1,
  initial: {},
  // As many products as are ordered.
  scope: ({ products }) => ({
    query: products.map((product) => ({ types: ['ProductDefined', 'PriceChanged'], tags: { product } }) as const),
  }),
  on: {
    ProductDefined: (state, { data }) => ({ ...state, [data.product]: { now: data.price } }),
    PriceChanged: (state, { data, time }) => {
      const before = { price: state[data.product]?.now ?? 0, until: time }
      return { ...state, [data.product]: { now: data.price, before } }
    },
  },
})
const isOrdered = define.projection<boolean, { orderId: string }>({
  name: 'is-ordered',
  version: 1,
  initial: false,
  scope: ({ orderId }) => ({ stream: `order-${orderId}` }),
  on: { Ordered: () => true },
})
const isShown = (price: Price | undefined, shown: number, at: string): boolean =>
  price?.now === shown || (price?.before?.price === shown && Date.parse(at) - Date.parse(price.before.until) <= graceMs)

const order = define.decider({
  name: 'order',
  command: type<{ orderId: string; at: string; shown: Readonly<Record<string, number>> }>(),
  models: {
    prices: [prices, ({ shown }) => ({ products: Object.keys(shown) })],
    isOrdered: [isOrdered, ({ orderId }) => ({ orderId })],
  },
  decide: ({ orderId, at, shown }, { prices, isOrdered }) => {
    if (isOrdered) return []
    const wrong = Object.entries(shown).filter(([product, price]) => !isShown(prices[product], price, at))
    if (wrong.length > 0) return refuse('PriceChanged', { products: wrong.map(([product]) => product) })
    return [events.Ordered({ orderId, products: Object.keys(shown) })]
  },
})

describe('a price that changes', () => {
  const history = (changedAt: string) => [
    events.ProductDefined({ product: 'rope', price: 10 }),
    events.ProductDefined({ product: 'lamp', price: 5 }),
    { events: [events.PriceChanged({ product: 'rope', price: 12 })], time: changedAt },
  ]
  const at = '2026-05-01T12:00:00.000Z'
  const ordered = (...products: string[]) => events.Ordered({ orderId: '1', products })

  test('DCB-6 is the one that was shown, or was it until a moment ago: for as many products as are ordered', () => {
    const before = given(order, history('2026-05-01T11:00:00.000Z'))
    before.when({ orderId: '1', at, shown: { rope: 12, lamp: 5 } }).then([ordered('rope', 'lamp')])
    before.when({ orderId: '1', at, shown: { rope: 10, lamp: 5 } }).thenRefused('PriceChanged', { products: ['rope'] })
    before.when({ orderId: '1', at, shown: { boat: 1 } }).thenRefused('PriceChanged', { products: ['boat'] })
    given(order, history('2026-05-01T11:55:00.000Z'))
      .when({ orderId: '1', at, shown: { rope: 10 } })
      .then([ordered('rope')])
  })

  test('an order that is given twice is one', () => {
    const shown = { lamp: 5 }
    given(order, [...history(at), ordered('lamp')])
      .when({ orderId: '1', at, shown })
      .thenNothing()
    given(order, [...history(at), ordered('lamp')])
      .when({ orderId: '2', at, shown })
      .then([events.Ordered({ orderId: '2', products: ['lamp'] })])
  })
})

// By name: a handler is not told which one is asked for, and of an event with two names that counts.
const taken = define.projection<Readonly<Record<string, boolean>>, { username: string }>({
  name: 'taken',
  version: 1,
  initial: {},
  scope: ({ username }) => ({
    query: [{ tags: { username } }, { types: ['Renamed'], tags: { before: username } }],
  }),
  on: {
    AccountOpened: (state, { data }) => ({ ...state, [data.username]: true }),
    Renamed: (state, { data }) => ({ ...state, [data.before]: false, [data.username]: true }),
  },
})
const nameOf = define.projection<string | undefined, { account: string }>({
  name: 'name-of',
  version: 1,
  initial: undefined,
  scope: ({ account }) => ({ stream: `account-${account}` }),
  on: { AccountOpened: (_, { data }) => data.username, Renamed: (_, { data }) => data.username },
})
const openAccount = define.decider({
  name: 'open-account',
  command: type<{ account: string; username: string }>(),
  models: { taken: [taken, ({ username }) => ({ username })], name: [nameOf, ({ account }) => ({ account })] },
  decide: (command, { taken, name }) => {
    if (name !== undefined) return refuse('AccountExists', { name })
    return taken[command.username] ? refuse('NameTaken') : [events.AccountOpened(command)]
  },
})

describe('a user name', () => {
  test('DCB-6 is given once, and again when its account has another', () => {
    given(openAccount, [events.AccountOpened({ account: '1', username: 'ann' })])
      .when({ account: '2', username: 'ann' })
      .thenRefused('NameTaken')
    given(openAccount, [events.AccountOpened({ account: '1', username: 'ann' })])
      .when({ account: '1', username: 'bob' })
      .thenRefused('AccountExists', { name: 'ann' })
    const renamed = events.Renamed({ account: '1', username: 'eve', before: 'bob' })
    given(openAccount, [renamed]).when({ account: '2', username: 'eve' }).thenRefused('NameTaken')
    given(openAccount, [renamed])
      .when({ account: '2', username: 'bob' })
      .then([events.AccountOpened({ account: '2', username: 'bob' })])
  })

  test('DCB-6 goes to one of two devices that were offline; the other hears of it', async () => {
    const world = simulate(defineLog({ name: 'accounts', events, deciders: [openAccount, order] }), { devices: 2 })
    opened.push(world)
    const [here, there] = world.devices
    here.offline()
    there.offline()
    unwrap(await here.log.execute(openAccount, { account: '1', username: 'ann' }))
    const second = unwrap(await there.log.execute(openAccount, { account: '2', username: 'ann' }))
    const third = unwrap(await there.log.execute(openAccount, { account: '3', username: 'bob' }))
    here.online()
    await world.settle()
    there.online()
    await world.settle()
    expect(await there.log.whenConfirmed(second.receipt)).toMatchObject({ reason: { type: 'NameTaken' } })
    expect(await there.log.whenConfirmed(third.receipt)).toEqual({ status: 'confirmed', position: 2 })
  })
})

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
