// A large log in the demo: filled while the page stays quick, found in, exported, and read on another device.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bookEvents, linesOf, pageCount } from '../../demo/book/pages.ts'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { tabTo } from './keyboard.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { cartUrl, eventually, notice, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let devices: readonly [Device, Device]
let page: Page
let other: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
  page = await devices[0].openTab(cartUrl(server.url, 'book'))
  other = await devices[1].openTab(cartUrl(server.url, 'book'))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

const openBook = async (page: Page): Promise<void> => {
  await page.getByTestId('book-open').click()
  await page.getByTestId('book-fill').waitFor()
}
const events = async (page: Page): Promise<number> => Number(await page.getByTestId('book').getAttribute('data-events'))
const fillButton = (page: Page): Promise<string> => page.getByTestId('book-fill').innerText()
const databases = (page: Page): Promise<readonly (string | undefined)[]> =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))
const result = (page: Page, words: string): Promise<string> =>
  page.getByTestId('book-result').filter({ hasText: words }).innerText()

/** From now on, how long each task of the page took that its visitor could feel. */
const watchTasks = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const felt: number[] = []
    Reflect.set(globalThis, 'felt', felt)
    new PerformanceObserver((list) => felt.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: 'longtask',
    })
  })
const feltTasks = (page: Page): Promise<readonly number[]> => page.evaluate(() => Reflect.get(globalThis, 'felt'))

/** How often each ship passed, told without a log. */
function passages(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (let page = 0; page < pageCount; page++)
    for (const { type, data } of linesOf(page))
      if (type === 'ShipPassed') counts.set(data.ship, (counts.get(data.ship) ?? 0) + 1)
  return counts
}
const find = async (page: Page, ship: string): Promise<string> => {
  await page.getByTestId('book-ship').fill(ship.toLowerCase())
  await page.getByTestId('book-find').click()
  return page
    .getByTestId('book-found')
    .filter({ hasText: `${ship}:` })
    .innerText()
}

describe('the harbour book', () => {
  test('is no log before its visitor looks inside', async () => {
    await eventually(async () => (await syncShown(page)).synced).toBe(true)
    expect(await databases(page)).not.toContainEqual(expect.stringContaining('harbour-book'))
    await openBook(page)
    expect(await databases(page)).toContainEqual(expect.stringContaining('harbour-book'))
    expect(await fillButton(page)).toBe('Import 100,000 events')
  })

  test('goes on after a reload in the middle with what is missing, without anything twice', async () => {
    await page.getByTestId('book-fill').click()
    await eventually(() => events(page)).toBeGreaterThan(10_000)
    await page.reload()
    await openBook(page)
    const before = await events(page)
    expect(before).toBeLessThan(bookEvents)
    expect(await fillButton(page)).toBe(`Go on: ${(bookEvents - before).toLocaleString('en-IE')} events to come`)
  })

  test('is filled with progress up to its end, while no task of the page is felt', async () => {
    await watchTasks(page)
    const shown = page.evaluate(async () => {
      const bar = document.querySelector<HTMLProgressElement>('#book-bar')
      const seen: number[] = []
      await new Promise<void>((resolve) => {
        const note = (): void => {
          if (bar !== null && seen.at(-1) !== bar.value) seen.push(bar.value)
          if (bar?.value === bar?.max) resolve()
        }
        if (bar !== null) new MutationObserver(note).observe(bar, { attributes: true })
      })
      return seen
    })
    await page.getByTestId('book-fill').click()
    const seen = await shown
    expect(seen.length).toBeGreaterThan(20)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(bookEvents)
    expect(await result(page, 'written')).toMatch(/events written in [\d.]+ s, [\d,]+ a second/)
    expect(await events(page)).toBe(bookEvents)
    expect(await fillButton(page)).toBe('All pages are in')
    const felt = await feltTasks(page)
    // One page in a hundred may meet a machine that is busy with something else.
    expect(felt.length, `${felt}`).toBeLessThanOrEqual(5)
  })

  test('finds every passage of a ship among all events, the newest first', async () => {
    const counts = passages()
    const byCount = [...counts].sort((a, b) => b[1] - a[1])
    for (const [ship, count] of [byCount[0], byCount[700], byCount.at(-1)] as [string, number][]) {
      expect(await find(page, ship)).toMatch(`${ship}: found ${count.toLocaleString('en-IE')} of 100,000 in `)
      await eventually(() => page.getByTestId('book-row').count()).toBe(Math.min(20, count))
    }
    expect(await find(page, 'Nobody At All')).toContain('found 0 of 100,000')
    await page.getByTestId('book-random').click()
    await eventually(() => page.getByTestId('book-found').innerText()).not.toContain('Nobody')
  })

  test('is stopped by its visitor, and stays as it is then', async () => {
    await openBook(other)
    await tabTo(other, 'book-fill')
    await other.keyboard.press('Enter')
    await eventually(() => events(other)).toBeGreaterThan(2_000)
    expect(await other.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('book-stop')
    await other.keyboard.press('Enter')
    expect(await result(other, 'Stopped')).toBe('Stopped. What is in the book stays.')
    expect(await other.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('book-fill')
    expect(await events(other)).toBeLessThan(bookEvents)
    expect(await fillButton(other)).toContain('Go on')
  })

  test('is exported, and read on another device, which takes what it has not', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('book-export').click()])
    expect(await result(page, 'in a file')).toContain('100,000 events in a file of')
    const before = await events(other)
    await other.locator('#book-file').setInputFiles(await download.path())
    const added = (bookEvents - before).toLocaleString('en-IE')
    expect(await result(other, 'read')).toMatch(new RegExp(`^100,000 events read in [\\d.]+ s, ${added} of them new.$`))
    await eventually(() => events(other)).toBe(bookEvents)
    expect(await fillButton(other)).toBe('All pages are in')
    const [[ship, count]] = [...passages()] as [[string, number]]
    expect(await find(other, ship)).toMatch(`found ${count.toLocaleString('en-IE')} of 100,000`)
  })

  test('says so when a file is no export, and keeps what it has', async () => {
    await other.locator('#book-file').setInputFiles({
      name: 'holiday.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('Dear Inger,\nthe weather is fine.\n'),
    })
    await eventually(() => other.getByTestId('notice').count()).toBe(1)
    expect(await notice(other)).toMatchObject({
      kind: 'refused-now',
      words: expect.stringContaining('no whole export of a log'),
    })
    expect(await events(other)).toBe(bookEvents)
    for (const { openedByPages, uncaught } of devices) expect([openedByPages, uncaught]).toEqual([[], []])
  })
})
