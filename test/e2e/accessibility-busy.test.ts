import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findings } from './axe.ts'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { deed, engineUrl, isLit, send, tasks } from './engine.ts'
import { makeFolder } from './folders.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { add, cartUrl, confirmed, eventually, items, showCart } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let device: Device
let page: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  // Without motion, so that colours are judged as they stay.
  device = await addDevice(browser, { reducedMotion: 'reduce' })
  page = await device.openTab(cartUrl(server.url, 'axe'))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

describe('axe finds nothing, narrow and wide, light and dark, while much is going on', () => {
  test('with the harbour book open, while it is filled, and with a ship found in it', async () => {
    await page.getByTestId('book-open').click()
    await page.getByTestId('book-fill').click()
    await page.getByTestId('book-stop').waitFor()
    expect(await findings(page)).toEqual([])
    await page
      .getByTestId('book-result')
      .filter({ hasText: /written/ })
      .waitFor()
    await page.getByTestId('book-random').click()
    await page.getByTestId('book-row').first().waitFor()
    await page.getByTestId('book-table').click()
    await page.getByTestId('ships').getByTestId('row').first().waitFor()
    expect(await findings(page)).toEqual([])
  })

  test('in the engine room, before anything happens there, and with all that can', async () => {
    await add(page, 'cap')
    await eventually(() => items(page)).toEqual(confirmed('cap'))
    await page.getByTestId('cart-submit').click()
    const engine = await device.openTab(engineUrl(server.url))
    await eventually(() => deed(engine, 'submit', 'CartSubmitted')).toBe('1 confirmed')
    expect(await findings(engine)).toEqual([])
    await engine.getByTestId('mood-closed').click()
    await showCart(page, 'axe-two')
    await add(page, 'mug')
    await page.getByTestId('cart-submit').click()
    await send(engine, 'stock', 'rope', '2')
    await engine.getByTestId('stock-again').click()
    await engine.getByTestId('stock-nonsense').click()
    await engine.getByTestId('untranslated').waitFor()
    await eventually(async () => (await tasks(engine)).join()).toMatch('axe-two: waiting')
    expect(await findings(engine)).toEqual([])
    await eventually(() => tasks(engine)).toContain('axe-two: failed, 4')
    await send(engine, 'price', 'cap', '20')
    await eventually(() => isLit(engine, 'price')).toBe(true)
    await engine.getByTestId('orders-replay').click()
    await engine.getByTestId('orders-replayed').filter({ hasText: 'the same' }).waitFor()
    expect(await findings(engine)).toEqual([])
  })
})
