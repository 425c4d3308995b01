import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findings } from './axe.ts'
import { addDevice, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { add, cartUrl, confirmed, eventually, goOffline, goOnline, items, pending, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  // Without motion, so that colours are judged as they stay.
  const device = await addDevice(browser, { reducedMotion: 'reduce' })
  page = await device.openTab(cartUrl(server.url, 'axe'))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

describe('axe finds nothing, narrow and wide, light and dark,', () => {
  test('in the empty shop', async () => {
    await eventually(async () => (await syncShown(page)).synced).toBe(true)
    expect(await findings(page)).toEqual([])
  })

  test('with a cart and a log', async () => {
    await add(page, 'cap')
    await add(page, 'flags')
    await eventually(() => items(page)).toEqual(confirmed('cap', 'flags'))
    expect(await findings(page)).toEqual([])
  })

  test('offline, with things pending', async () => {
    await goOffline(page)
    await add(page, 'tables')
    await eventually(() => items(page)).toEqual([...confirmed('cap', 'flags'), ...pending('tables')])
    expect(await findings(page)).toEqual([])
  })

  test('with a refusal, and with an order', async () => {
    const other = await (await addDevice(browser)).openTab(cartUrl(server.url, 'axe'))
    await eventually(() => items(other)).toEqual(confirmed('cap', 'flags'))
    await add(other, 'mug')
    await eventually(() => items(other)).toEqual(confirmed('cap', 'flags', 'mug'))
    await goOnline(page)
    await page.getByTestId('refused-row').waitFor()
    await page.getByTestId('cart-submit').click()
    await eventually(() => page.getByTestId('cart').getAttribute('data-state')).toBe('submitted')
    expect(await findings(page)).toEqual([])
  })
})
