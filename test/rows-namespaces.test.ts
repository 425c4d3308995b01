// Several logs beside each other, on one device and at one server.

import { defineLog, isTidelogError, unwrap } from 'tidelog'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { afterEach, expect, test } from 'vitest'
import { Origin, type OriginOptions } from './origin.ts'
import { cart, events } from './types/shop.ts'
import { created, readAll, type ShopLog } from './world.ts'

const origins: Origin[] = []
afterEach(async () => {
  for (const origin of origins.splice(0)) await origin.close()
})
const newOrigin = (options?: OriginOptions): Origin => {
  const origin = new Origin(options)
  origins.push(origin)
  return origin
}
const modelOf = (name: string) => defineLog({ name, events })
const cartIdsOf = async (log: ShopLog) => (await readAll(log)).map(({ data }) => data.cartId)

/** Names that mean something to a URL, a path, a database, an object, or to whoever joins two of them. */
const odd = ['/', '.', '..', '../shop', 'a/b', 'a:b', 'a%2Fb', '%', '?a=b#c', ' ', '\u0000', '\n', '"', '日本', '😀']
const names = [
  'shop',
  'shop/a',
  'shop/:a',
  'shop/%3Aa',
  'tidelog',
  '__proto__',
  'constructor',
  'SHOP',
  'x'.repeat(128),
  ...odd,
]
/** No URL leads to these. */
const unusable = ['.', '..', '\u0000', '\n']
const places = [
  ...names.map((name) => ({ name, principal: '', key: '' })),
  ...['a', 'A', 'shop', '__proto__', 'x'.repeat(300), ...odd].map((key) => ({ name: 'shop', principal: '', key })),
  ...['a', 'b', ...odd].map((principal) => ({ name: 'shop', principal, key: '' })),
  // Pairs that are the same to whoever only joins them.
  ...['a:b c', 'a b:c', 'a/b c', 'a b/c', '%3A a', ': a', 'a %3A', 'a :'].map((pair) => {
    const [principal = '', key = ''] = pair.split(' ')
    return { name: 'shop', principal, key }
  }),
]

test('AE-9 logs of one origin lie side by side by name, user and key, and none sees anything of another', async () => {
  const origin = newOrigin()
  const own = places.map((_, at) => `c${at}`)
  const logs = places.map(({ name, principal, key }) => origin.open(modelOf(name), { principal, key }))
  // All on one stream and under one commit id: what is taken in one log is free in the next.
  for (const [at, log] of logs.entries())
    unwrap(await log.append('s', [created(`c${at}`)], { expectedVersion: 0, commitId: 'first' }))
  expect(origin.disks.size).toBe(places.length)
  for (const [at, log] of logs.entries()) {
    expect(log.name).toBe(places[at]?.name)
    expect([await cartIdsOf(log), await log.logHead()]).toMatchObject([[own[at]], { confirmed: 1, pending: 0 }])
    expect(await log.streamHead('s')).toEqual({ version: 1, confirmed: 1 })
  }
  await Promise.all(logs.map((log) => log.close()))
  const again = places.map(({ name, principal, key }) => origin.open(modelOf(name), { principal, key }))
  expect(await Promise.all(again.map(cartIdsOf))).toEqual(own.map((one) => [one]))
  expect(origin.disks.size).toBe(places.length)
})

test('AE-9 what is written to one log moves no view, head or tab of another', async () => {
  const origin = newOrigin()
  const shop = modelOf('shop')
  const [here, tab, other, user] = [
    origin.open(shop),
    origin.open(shop),
    origin.open(shop, { key: 'k' }),
    origin.open(shop, { principal: 'k' }),
  ]
  const views = [here, tab, other, user].map((log) => log.view(cart, { cartId: 'c' }))
  await Promise.all(views.map((view) => view.ready))
  const heard = [other, user].map(({ sync }) => {
    const counts = new Set<number>()
    sync.subscribe(() => counts.add(sync.get().confirmed))
    return counts
  })
  const { receipt } = unwrap(await here.append([created('c')]))
  expect((await views[1]?.waitFor(receipt))?.items).toEqual([])
  for (const itemId of ['1', '2', '3'])
    unwrap(await here.append([events.ItemAdded({ cartId: 'c2', itemId, productId: 'p', price: 1 })]))
  await expect.poll(() => tab.sync.get().confirmed).toBe(4)
  for (const log of [other, user]) unwrap(await log.append([created('d')]))
  for (const [at, log] of [here, tab, other, user].entries())
    await views[at]?.waitFor((await log.logHead()).marker, { timeoutMs: 5_000 })
  expect(views.map((view) => view.get()?.items)).toEqual([[], [], undefined, undefined])
  const all = ['c', 'c2', 'c2', 'c2']
  expect(await Promise.all([here, tab, other, user].map(cartIdsOf))).toEqual([all, all, ['d'], ['d']])
  await expect.poll(() => heard).toEqual([new Set([1]), new Set([1])])
  // A receipt of one log is no place in another.
  const misuse = await views[2]?.waitFor(receipt).catch((error: unknown) => error)
  expect(isTidelogError(misuse, 'tidelog/argument')).toBe(true)
  await expect(other.read({ after: receipt.head }).all()).rejects.toMatchObject({ code: 'tidelog/marker-expired' })
})

test('AE-9 one server keeps logs of odd names apart, and refuses names that are none', async () => {
  const server = createSyncHandler({ store: memoryStore() })
  const asked = names.filter((name) => !unusable.includes(name))
  const [here, there] = [newOrigin({ serve: server }), newOrigin({ serve: server })]
  for (const [at, name] of asked.entries()) {
    const log = here.open(modelOf(name))
    const { receipt } = unwrap(await log.append('s', [created(`c${at}`)], { expectedVersion: 0, commitId: 'first' }))
    expect(await log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
  }
  for (const [at, name] of asked.entries()) {
    const log = there.open(modelOf(name))
    await expect.poll(async () => (await log.logHead()).confirmed).toBe(1)
    expect(await cartIdsOf(log)).toEqual([`c${at}`])
  }
  server.stop()
  const headers = { 'tidelog-protocol': '1' }
  for (const name of ['%00', '%0A', '%E0%A4%A', '%ED%A0%80', 'x'.repeat(257), '', '..', 'a/b']) {
    const answer = await server(new Request(`http://server.test/sync/${name}/segments`, { headers }))
    expect([name, answer.status]).toEqual([name, expect.toSatisfy((status) => status === 400 || status === 404)])
  }
})

test('AE-9 a name that can’t be written is refused before anything is opened', () => {
  const isMisuse = (error: unknown) => isTidelogError(error, 'tidelog/argument')
  for (const name of ['', 'half \ud800', '\udc00', 'x'.repeat(129)])
    expect(() => modelOf(name)).toThrow(expect.toSatisfy(isMisuse))
})
