import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { deed, engineUrl, isLit, send, tasks } from './engine.ts'
import { makeFolder } from './folders.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import {
  add,
  cartUrl,
  confirmed,
  eventually,
  goOffline,
  goOnline,
  items,
  pending,
  showCart,
  syncShown,
} from './shop.ts'

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

/** All of them in CI; those that differ in both elsewhere, since each takes a second. */
const looks = [375, 1280]
  .flatMap((width) => (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })))
  .filter((_, at) => process.env.TIDELOG_WHOLE === '1' || at % 3 === 0)

/** What axe finds in the page as it is, in every look. */
async function findings(of = page): Promise<readonly string[]> {
  const found: string[] = []
  // The page has no frames, so one run inside it is all; the other mode would open a tab for each.
  const axe = new AxeBuilder({ page: of }).setLegacyMode(true)
  for (const { width, colorScheme } of looks) {
    await of.setViewportSize({ width, height: 900 })
    await of.emulateMedia({ colorScheme })
    const { violations, passes } = await axe.analyze()
    if (!passes.some(({ id }) => id === 'color-contrast'))
      found.push(`${width} ${colorScheme}: contrast was not judged`)
    for (const { id, nodes } of violations)
      found.push(`${width} ${colorScheme} ${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
    const overflow = await of.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (overflow > 0) found.push(`${width} ${colorScheme}: ${overflow} pixels too wide`)
  }
  return found
}

describe('axe finds nothing, narrow and wide, light and dark,', () => {
  test('in the empty shop', async () => {
    await eventually(async () => (await syncShown(page)).synced).toBe(true)
    expect(await findings()).toEqual([])
  })

  test('with a cart and a log', async () => {
    await add(page, 'cap')
    await add(page, 'flags')
    await eventually(() => items(page)).toEqual(confirmed('cap', 'flags'))
    expect(await findings()).toEqual([])
  })

  test('offline, with things pending', async () => {
    await goOffline(page)
    await add(page, 'tables')
    await eventually(() => items(page)).toEqual([...confirmed('cap', 'flags'), ...pending('tables')])
    expect(await findings()).toEqual([])
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
    expect(await findings()).toEqual([])
  })

  test('with the harbour book open, while it is filled, and with a ship found in it', async () => {
    await page.getByTestId('book-open').click()
    await page.getByTestId('book-fill').click()
    await page.getByTestId('book-stop').waitFor()
    expect(await findings()).toEqual([])
    await page
      .getByTestId('book-result')
      .filter({ hasText: /written/ })
      .waitFor()
    await page.getByTestId('book-random').click()
    await page.getByTestId('book-row').first().waitFor()
    await page.getByTestId('book-table').click()
    await page.getByTestId('ships').getByTestId('row').first().waitFor()
    expect(await findings()).toEqual([])
  })

  test('in the engine room, before anything happens there, and with all that can', async () => {
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
