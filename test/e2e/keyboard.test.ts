// The whole shop without a mouse.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { isFocusShown, tabTo } from './keyboard.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { cartUrl, confirmed, eventually, isSwitchedOffline, items, notice, pending, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  page = await (await addDevice(browser)).openTab(cartUrl(server.url, 'keys'))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

/** Goes to a button and presses it. */
const press = async (testId: string, key: 'Enter' | 'Space' = 'Enter'): Promise<void> => {
  await tabTo(page, testId)
  expect(await isFocusShown(page), `the focus on ${testId} can be seen`).toBe(true)
  await page.keyboard.press(key)
}
const cartState = (): Promise<string | null> => page.getByTestId('cart').getAttribute('data-state')

describe('without a mouse, a visitor', () => {
  test('adds, removes and clears, and never loses the focus', async () => {
    await press('add-lantern')
    await press('add-mug', 'Space')
    await eventually(() => items(page)).toEqual(confirmed('lantern', 'mug'))
    await press('item-remove')
    await eventually(() => items(page)).toEqual(confirmed('mug'))
    expect(await isFocusShown(page)).toBe(true)
    await press('cart-clear')
    await eventually(() => items(page)).toEqual([])
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('cart-title')
  })

  test('works offline and goes online again', async () => {
    await press('offline-switch', 'Space')
    await eventually(() => isSwitchedOffline(page)).toBe('true')
    await eventually(async () => (await syncShown(page)).state).toBe('paused')
    await press('add-rope')
    await press('add-cap')
    await eventually(() => items(page)).toEqual(pending('rope', 'cap'))
    await press('item-take-back')
    await eventually(() => items(page)).toEqual(pending('cap'))
    expect(await isFocusShown(page)).toBe(true)
    await press('log-take-back')
    await eventually(() => items(page)).toEqual([])
    await eventually(() => page.evaluate(() => document.activeElement?.id)).toBe('log-title')
    await press('add-rope')
    await eventually(() => items(page)).toEqual(pending('rope'))
    await press('offline-switch', 'Space')
    await eventually(() => items(page)).toEqual(confirmed('rope'))
    expect(await isSwitchedOffline(page)).toBe('false')
  })

  test('orders, hears why the cart stays as it is, and starts a new one', async () => {
    await press('cart-submit')
    await eventually(cartState).toBe('submitted')
    await press('add-cap')
    await eventually(() => notice(page)).toMatchObject({
      kind: 'refused-now',
      words: expect.stringContaining('This cart has been ordered'),
    })
    expect(await items(page)).toEqual(confirmed('rope'))
    await press('cart-new')
    await eventually(cartState).toBe('empty')
    await press('add-cap')
    await eventually(() => items(page)).toEqual(confirmed('cap'))
  })

  test('scrolls the log', async () => {
    const scrolled = (): Promise<number> => page.locator('.log-scroll').evaluate((element) => element.scrollTop)
    await page.locator('.log-scroll').focus()
    expect(await scrolled()).toBe(0)
    await page.keyboard.press('End')
    await eventually(scrolled).toBeGreaterThan(0)
  })
})
