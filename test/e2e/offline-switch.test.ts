import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { shownLog, storedLog } from './place.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import {
  add,
  cartUrl,
  confirmed,
  eventually,
  goOffline,
  goOnline,
  isSwitchedOffline,
  items,
  notice,
  pending,
  refused,
  reload,
  showCart,
  syncShown,
} from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let devices: readonly [phone: Device, laptop: Device]

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

const openBoth = async (cartId: string): Promise<readonly [Page, Page]> => {
  const url = cartUrl(server.url, cartId)
  return [await devices[0].openTab(url), await devices[1].openTab(url)]
}

describe('the offline switch', () => {
  test('keeps what is added pending, thing by thing, in every tab and over a reload, until it is turned back', async () => {
    const [phone, laptop] = await openBoth('switch')
    const secondTab = await devices[0].openTab(cartUrl(server.url, 'switch'))
    await add(phone, 'cap')
    for (const page of [phone, secondTab, laptop]) await eventually(() => items(page)).toEqual(confirmed('cap'))

    await goOffline(phone)
    await eventually(() => isSwitchedOffline(secondTab)).toBe('true')
    await add(phone, 'mug')
    await add(secondTab, 'rope')
    const held = [...confirmed('cap'), ...pending('mug', 'rope')]
    for (const page of [phone, secondTab]) await eventually(() => items(page)).toEqual(held)
    await eventually(() => syncShown(phone)).toEqual({ state: 'paused', pending: 2, synced: false })

    await reload(phone)
    await eventually(() => items(phone)).toEqual(held)
    await eventually(() => syncShown(phone)).toEqual({ state: 'paused', pending: 2, synced: false })
    expect(await isSwitchedOffline(phone)).toBe('true')
    expect(storedLog(folder.path, 'shop').map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded'])
    expect(await items(laptop)).toEqual(confirmed('cap'))

    await goOnline(phone)
    for (const page of [phone, secondTab, laptop])
      await eventually(() => items(page)).toEqual(confirmed('cap', 'mug', 'rope'))
    expect(await isSwitchedOffline(secondTab)).toBe('false')
    for (const page of [phone, secondTab, laptop]) await page.close()
  })

  test('lets the first of two devices have the last place, refuses the other with a reason, and the rest goes on', async () => {
    const [phone, laptop] = await openBoth('last-place')
    await add(phone, 'cap')
    await eventually(() => items(phone)).toEqual(confirmed('cap'))
    await add(phone, 'mug')
    for (const page of [phone, laptop]) await eventually(() => items(page)).toEqual(confirmed('cap', 'mug'))
    for (const page of [phone, laptop]) await goOffline(page)

    await add(phone, 'lantern')
    await add(laptop, 'compass')
    await eventually(() => items(phone)).toEqual([...confirmed('cap', 'mug'), ...pending('lantern')])
    await eventually(() => items(laptop)).toEqual([...confirmed('cap', 'mug'), ...pending('compass')])
    // Made after the one that will be refused, and nobody contests it.
    await showCart(laptop, 'elsewhere')
    await eventually(() => items(laptop)).toEqual([])
    await add(laptop, 'rope')
    await eventually(() => items(laptop)).toEqual(pending('rope'))

    await goOnline(phone)
    await eventually(() => items(phone)).toEqual(confirmed('cap', 'mug', 'lantern'))
    await goOnline(laptop)
    await eventually(() => items(laptop)).toEqual(confirmed('rope'))
    await eventually(() => refused(laptop)).toEqual(['Add Brass compass: CartFull'])
    expect(await laptop.getByTestId('refused-causes').innerText()).toContain('Storm lantern was added')

    await showCart(laptop, 'last-place')
    await eventually(() => items(laptop)).toEqual(confirmed('cap', 'mug', 'lantern'))
    expect(await refused(phone)).toEqual([])
    await laptop.getByTestId('refused-again').click()
    await eventually(async () => (await notice(laptop)).words).toContain('This cart holds 3 things')
    expect(await refused(laptop)).toHaveLength(1)
    await laptop.getByTestId('refused-discard').click()
    await eventually(() => refused(laptop)).toEqual([])

    const stored = storedLog(folder.path, 'shop')
    for (const page of [phone, laptop]) await eventually(() => shownLog(page)).toEqual(stored)
    for (const { uncaught } of devices) expect(uncaught).toEqual([])
  })
})
