// The whole event model of the demo, slice by slice: the shop in one tab, the engine room in another, a shop elsewhere.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { deed, engineUrl, isLit, receptions, send, tasks } from './engine.ts'
import { makeFolder } from './folders.ts'
import { isFocusShown, tabTo } from './keyboard.ts'
import { storedLog } from './place.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import {
  add,
  cartUrl,
  confirmed,
  eventually,
  goOffline,
  goOnline,
  items,
  notice,
  reload,
  showCart,
  syncShown,
} from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let devices: readonly Device[] = []
let shop: Page
let engine: Page
/** A shop on another device. */
let elsewhere: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
  shop = await devices[0]!.openTab(cartUrl(server.url, 'quay'))
  engine = await devices[0]!.openTab(engineUrl(server.url))
  elsewhere = await devices[1]!.openTab(cartUrl(server.url, 'elsewhere'))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

const typesStored = (): readonly string[] => storedLog(folder.path, 'shop').map(({ type }) => type)
const timesStored = (type: string): number => typesStored().filter((one) => one === type).length
const attribute = (page: Page, testId: string, name: string) => page.getByTestId(testId).getAttribute(name)
const words = (page: Page, testId: string) => page.getByTestId(testId).innerText()

describe('the event model', () => {
  test('CART-1 lights up as things happen, and tells pending from confirmed', async () => {
    for (const page of [shop, engine, elsewhere])
      await eventually(async () => (await syncShown(page)).synced).toBe(true)
    await add(shop, 'lantern')
    await eventually(() => deed(engine, 'add', 'CartCreated')).toBe('1 confirmed')
    await eventually(() => deed(engine, 'add', 'ItemAdded')).toBe('1 confirmed')
    await goOffline(engine)
    await add(shop, 'mug')
    await eventually(() => isLit(engine, 'add')).toBe(true)
    expect(await deed(engine, 'add', 'ItemAdded')).toBe('2 pending')
    expect(await isLit(engine, 'remove')).toBe(false)
    await goOnline(engine)
    await eventually(() => deed(engine, 'add', 'ItemAdded')).toBe('2 confirmed')
    await shop.getByTestId('item-remove').nth(1).click()
    await eventually(() => deed(engine, 'remove', 'ItemRemoved')).toBe('1 confirmed')
  })
})

describe('a price from outside', () => {
  test('CART-9 takes the thing out of all carts that hold it, here and elsewhere', async () => {
    await add(elsewhere, 'lantern')
    await add(elsewhere, 'cap')
    await eventually(() => items(elsewhere)).toEqual(confirmed('lantern', 'cap'))
    await eventually(() => deed(engine, 'add', 'ItemAdded')).toBe('4 confirmed')
    await send(engine, 'price', 'lantern', '35')
    await eventually(() => deed(engine, 'archive', 'ItemArchived')).toBe('2 confirmed')
    await eventually(() => items(shop)).toEqual([])
    await eventually(() => items(elsewhere)).toEqual(confirmed('cap'))
    expect(await words(elsewhere, 'cart-archived')).toContain('the price has changed: Storm lantern')
    for (const page of [shop, elsewhere]) expect(await words(page, 'price-lantern')).toBe('€35.00')
    expect(timesStored('ItemArchived')).toBe(2)
    await add(shop, 'lantern')
    await eventually(() => items(shop)).toEqual(confirmed('lantern'))
    expect(await words(shop, 'cart-total')).toContain('€35.00')
  })

  test('CART-6 counts once: the same message again changes nothing, also after a reload', async () => {
    await engine.getByTestId('price-again').click()
    await eventually(() => receptions(engine, 'price')).toEqual(['1 bypassed', '1 taken'])
    expect(timesStored('PriceChanged')).toBe(1)
    await engine.reload()
    await eventually(() => attribute(engine, 'price', 'data-offset')).toBe('1')
    await send(engine, 'price', 'lantern', '35')
    await eventually(() => receptions(engine, 'price')).toEqual(['2 passed'])
    expect(timesStored('PriceChanged')).toBe(1)
  })

  test('CART-6 that nobody understands is kept, shown and discarded, from the keyboard', async () => {
    await tabTo(engine, 'price-nonsense')
    expect(await isFocusShown(engine)).toBe(true)
    await engine.keyboard.press('Enter')
    await eventually(() => receptions(engine, 'price')).toEqual(['3 recorded', '2 passed'])
    expect(await words(engine, 'untranslated')).toContain('"cheap"')
    await engine.getByTestId('untranslated').getByRole('button').press('Enter')
    await eventually(() => engine.getByTestId('untranslated').count()).toBe(0)
    expect(await engine.evaluate(() => document.activeElement?.id)).toBe('outside-title')
    expect(timesStored('PriceChanged')).toBe(1)
  })
})

describe('a count from outside', () => {
  test('refuses the order of what is sold out, and lets it through when there is more', async () => {
    await send(engine, 'stock', 'lantern', '0')
    await eventually(() => words(shop, 'stock-lantern')).toBe('Sold out')
    await shop.getByTestId('cart-submit').click()
    await eventually(() => notice(shop)).toMatchObject({
      kind: 'refused-now',
      words: expect.stringContaining('Storm lantern is sold out'),
    })
    expect(timesStored('CartSubmitted')).toBe(0)
    await send(engine, 'stock', 'lantern', '5')
    await eventually(() => words(shop, 'stock-lantern')).toBe('5 left')
    await shop.getByTestId('cart-submit').click()
    await eventually(() => attribute(shop, 'cart', 'data-state')).toBe('submitted')
  })
})

describe('an order', () => {
  /** Orders a thing in a cart of its own. */
  const order = async (cartId: string): Promise<void> => {
    await showCart(shop, cartId)
    await add(shop, 'mug')
    await eventually(() => items(shop)).toEqual(confirmed('mug'))
    await shop.getByTestId('cart-submit').click()
    await eventually(() => attribute(shop, 'cart', 'data-state')).toBe('submitted')
  }

  test('CART-10 is brought to the harbour office, and its end is a fact', async () => {
    await eventually(() => deed(engine, 'publish', 'CartPublished')).toBe('1 confirmed')
    await eventually(() => tasks(engine)).toEqual(['quay: done, 1'])
    await eventually(() => words(shop, 'cart-published')).toBe('The harbour office has it.')
    await engine.getByTestId('queue-forget').click()
    await eventually(() => tasks(engine)).toEqual([])
  })

  test('CART-10 is tried again while the office is closed, has failed in the end, and succeeds when it is open', async () => {
    await engine.getByTestId('mood-closed').click()
    await order('closed')
    await eventually(() => words(engine, 'task')).toMatch(
      /Try [123] of 4\. Again in .*\s+The harbour office is closed\./,
    )
    await eventually(() => tasks(engine)).toEqual(['closed: failed, 4'])
    await eventually(() => words(shop, 'cart-published')).toContain('did not take it')
    await eventually(() => deed(engine, 'publish', 'CartPublicationFailed')).toBe('1 confirmed')
    await engine.getByTestId('mood-open').click()
    await engine.getByTestId('task-retry').click()
    await eventually(() => tasks(engine)).toEqual(['closed: done, 1'])
    await eventually(() => words(shop, 'cart-published')).toBe('The harbour office has it.')
    await eventually(() => timesStored('CartPublished')).toBe(2)
  })

  test('CART-10 that is cancelled on its way ends without a fact', async () => {
    await engine.getByTestId('task-discard').click()
    await engine.getByTestId('mood-slow').click()
    await order('slow')
    await eventually(() => engine.getByTestId('task').locator('progress').getAttribute('value')).toBe('1')
    await engine.getByTestId('task-cancel').click()
    await eventually(() => tasks(engine)).toEqual(['slow: cancelled, 1'])
    await engine.getByTestId('mood-open').click()
    await order('after')
    await eventually(() => tasks(engine)).toEqual(['slow: cancelled, 1', 'after: done, 1'])
    await eventually(() => timesStored('CartPublished')).toBe(3)
    expect(timesStored('CartPublicationFailed')).toBe(1)
  })

  test('opens without a server, with all that has happened', async () => {
    await engine.evaluate(async () => (await navigator.serviceWorker.ready).active?.state)
    await server.kill()
    await engine.bringToFront()
    await engine.reload()
    await eventually(() => deed(engine, 'publish', 'CartPublished')).toBe('3 confirmed')
    await eventually(() => tasks(engine)).toEqual(['slow: cancelled, 1', 'after: done, 1'])
    await reload(shop)
    await eventually(() => attribute(shop, 'cart', 'data-state')).toBe('submitted')
  })
})

test('no page opens IndexedDB itself, and no error is uncaught', () => {
  for (const { openedByPages, uncaught } of devices) {
    expect(openedByPages).toEqual([])
    expect(uncaught).toEqual([])
  }
})
