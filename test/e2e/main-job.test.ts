// The whole way round on real input: page, worker, IndexedDB on disk, every tab, the server's file, the other device.
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, startDevice } from './device.ts'
import { makeFolder } from './folders.ts'
import { type Place, shownLog, storedLog } from './place.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import {
  add,
  cartUrl,
  confirmed,
  eventually,
  items,
  keptByServiceWorker,
  refused,
  reload,
  syncShown,
  tryNow,
} from './shop.ts'

const folder = makeFolder()
const data = join(folder.path, 'data')
let server: ServerProcess
let phone: Device
let laptop: Device
/** Two tabs of one device, and one of another. */
let tabs: readonly [one: Page, two: Page, other: Page]

beforeAll(async () => {
  server = await startServer(data)
  phone = await startDevice(join(folder.path, 'phone'))
  laptop = await startDevice(join(folder.path, 'laptop'))
  const url = cartUrl(server.url, 'quay')
  tabs = [await phone.openTab(url), await phone.openTab(url), await laptop.openTab(url)]
})
afterAll(async () => {
  await phone?.close()
  await laptop?.close()
  await server?.kill()
  folder.remove()
})

const eventuallyInAll = async <T>(read: (page: Page) => Promise<T>, expected: T): Promise<void> => {
  for (const tab of tabs) await eventually(() => read(tab)).toEqual(expected)
}
const pendingIds = async (page: Page): Promise<readonly string[]> =>
  (await shownLog(page)).flatMap(({ id, position }) => (position === undefined ? [id] : []))

describe('two tabs of one device and another device, on one cart', () => {
  let before: readonly Place[] = []
  /** Events appended without the server, by device. */
  let appended: readonly (readonly string[])[] = []

  test('see what each of them adds, confirmed', async () => {
    const [one, two, other] = tabs
    await add(one, 'lantern')
    await eventuallyInAll(items, confirmed('lantern'))
    await add(two, 'compass')
    await eventuallyInAll(items, confirmed('lantern', 'compass'))
    await add(other, 'cap')
    await eventuallyInAll(items, confirmed('lantern', 'compass', 'cap'))
    await one.getByTestId('item-remove').nth(2).click()
    await two.getByTestId('item-remove').nth(1).click()
    await eventuallyInAll(items, confirmed('lantern'))
    await eventuallyInAll(syncShown, { state: 'live', pending: 0, synced: true })
    before = storedLog(data, 'shop')
    expect(before.map(({ type }) => type)).toEqual([
      'CartCreated',
      ...['ItemAdded', 'ItemAdded', 'ItemAdded'],
      ...['ItemRemoved', 'ItemRemoved'],
    ])
    await eventuallyInAll(shownLog, before)
  })

  test('go on when the server is killed, and keep what they did over a reload', async () => {
    const [one, two, other] = tabs
    for (const tab of [one, other]) await keptByServiceWorker(tab)
    await server.kill()
    await add(one, 'mug')
    await add(other, 'rope')
    for (const tab of [one, two]) await eventually(() => items(tab)).toEqual(['lantern confirmed', 'mug pending'])
    await eventually(() => items(other)).toEqual(['lantern confirmed', 'rope pending'])
    for (const tab of tabs) await eventually(() => pendingIds(tab)).toHaveLength(1)
    appended = [await pendingIds(one), await pendingIds(other)]

    for (const tab of tabs) await reload(tab)
    for (const tab of [one, two]) await eventually(() => items(tab)).toEqual(['lantern confirmed', 'mug pending'])
    await eventually(() => items(other)).toEqual(['lantern confirmed', 'rope pending'])
    for (const tab of [one, two]) await eventually(() => pendingIds(tab)).toEqual(appended[0])
    await eventually(() => pendingIds(other)).toEqual(appended[1])
    await eventuallyInAll(syncShown, { state: 'waiting', pending: 1, synced: false })
  })

  test('agree when the server is back: what each device did holds, under the ids it was given', async () => {
    const [one, , other] = tabs
    await server.startAgain()
    for (const tab of [one, other]) await tryNow(tab)
    await eventuallyInAll(async (tab) => (await syncShown(tab)).synced, true)
    const stored = storedLog(data, 'shop')
    const both = stored.slice(before.length).map(({ id }) => id)
    expect([...both].sort()).toEqual(appended.flat().sort())
    const [first, second] = both[0] === appended[0]?.[0] ? ['mug', 'rope'] : ['rope', 'mug']
    await eventuallyInAll(items, confirmed('lantern', first!, second!))
    await eventuallyInAll(refused, [])
  })

  test('hold the same log as the server: ids, positions and versions', async () => {
    const stored = storedLog(data, 'shop')
    expect(stored.slice(0, before.length)).toEqual(before)
    expect(stored.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(stored.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await eventuallyInAll(shownLog, stored)
    for (const tab of tabs) await reload(tab)
    await eventuallyInAll(shownLog, stored)
  })

  test('never open IndexedDB in the page, and leave no error uncaught', async () => {
    for (const { openedByPages, uncaught } of [phone, laptop]) {
      expect(openedByPages).toEqual([])
      expect(uncaught).toEqual([])
    }
    await tabs[0].evaluate(() => indexedDB.databases().then(([database]) => void indexedDB.open(database?.name ?? '')))
    expect(phone.openedByPages).toEqual([expect.stringContaining('shop')])
  })
})
