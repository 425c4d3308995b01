// The read models of the demo: rows that follow the log, pending events included, and that a replay makes again.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linesOf, pageEvents } from '../../demo/book/pages.ts'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { engineUrl, send } from './engine.ts'
import { makeFolder } from './folders.ts'
import { tabTo } from './keyboard.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { add, cartUrl, eventually, goOffline, goOnline, showCart, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let device: Device
let shop: Page
let engine: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  device = await addDevice(browser)
  shop = await device.openTab(cartUrl(server.url, 'ann'))
  engine = await device.openTab(engineUrl(server.url))
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

/** The rows of a read model as they are shown, such as `ann | €38.00 | Storm lantern`. */
const rows = (page: Page, model: string): Promise<readonly string[]> =>
  page
    .getByTestId(model)
    .getByTestId('row')
    .evaluateAll((elements) => elements.map((row) => [...row.children].map((part) => part.textContent).join(' | ')))
const count = (page: Page, model: string) => page.getByTestId(model).getAttribute('data-count')
const replayed = (page: Page, model: string) => page.getByTestId(`${model}-replayed`).innerText()

/** What the bar of a read model shows from now on, until it goes, and how many rows there are meanwhile. */
const watchReplay = (page: Page, model: string) =>
  page.evaluate(async (id) => {
    const bar = document.querySelector<HTMLProgressElement>(`[data-testid=${id}] progress`)
    const seen: number[] = []
    let rowsMin = Number.POSITIVE_INFINITY
    await new Promise<void>((resolve) => {
      const note = (): void => {
        if (bar === null) return
        if (!bar.hidden && seen.at(-1) !== bar.value) seen.push(bar.value)
        if (bar.hidden && seen.length > 0) resolve()
        else rowsMin = Math.min(rowsMin, document.querySelectorAll(`[data-testid=${id}] .row`).length)
      }
      if (bar !== null) new MutationObserver(note).observe(bar, { attributes: true })
    })
    return { seen, rowsMin }
  }, model)

describe('the rows of the shop', () => {
  const orderOf = async (cartId: string, productId: string): Promise<void> => {
    await showCart(shop, cartId)
    await add(shop, productId)
    await eventually(() => shop.getByTestId('cart').getAttribute('data-state')).toBe('open')
  }

  test('CART-8 follow the log, with what is still pending, and are found by index', async () => {
    await eventually(async () => (await syncShown(engine)).synced).toBe(true)
    await orderOf('ann', 'lantern')
    await goOffline(engine)
    await orderOf('bob', 'mug')
    await orderOf('ada', 'lantern')
    const all = ['ada | €38.00 | Storm lantern', 'ann | €38.00 | Storm lantern', 'bob | €9.00 | Enamel mug']
    await eventually(() => rows(engine, 'carts')).toEqual(all)
    await engine.getByTestId('carts-look').selectOption('Holding Enamel mug')
    await eventually(() => rows(engine, 'carts')).toEqual(all.slice(2))
    await engine.getByTestId('carts-search').fill('A')
    await eventually(() => rows(engine, 'carts')).toEqual(all.slice(0, 2))
    await eventually(() => count(engine, 'carts')).toBe('2')
    await engine.getByTestId('carts-search').fill('')
    await goOnline(engine)
    await eventually(async () => (await syncShown(engine)).synced).toBe(true)
    await eventually(() => rows(engine, 'carts')).toEqual(all.slice(2))
  })

  test('move when a price takes a thing out, and when an order is placed', async () => {
    await engine.getByTestId('carts-look').selectOption('By name')
    await send(engine, 'price', 'lantern', '35')
    await eventually(() => rows(engine, 'carts')).toEqual(['bob | €9.00 | Enamel mug'])
    await showCart(shop, 'bob')
    await shop.getByTestId('cart-submit').click()
    await eventually(() => rows(engine, 'carts')).toEqual([])
    await eventually(() => rows(engine, 'orders')).toEqual(['bob | Published | €9.00 for 1 thing: Enamel mug'])
    await send(engine, 'stock', 'cap', '0')
    await send(engine, 'stock', 'mug', '4')
    const stock = ['Watch cap | Sold out | At its first price', 'Enamel mug | 4 left | At its first price']
    await engine.getByTestId('inventories-look').selectOption('Fewest first')
    await eventually(() => rows(engine, 'inventories')).toEqual(stock)
    await engine.getByTestId('inventories-look').selectOption('Dearest first')
    await eventually(() => rows(engine, 'inventories')).toEqual(['Storm lantern | Not counted | Costs €35.00'])
  })

  test('CART-11 are the same after a replay, asked for from the keyboard', async () => {
    const before = await rows(engine, 'orders')
    await tabTo(engine, 'orders-replay')
    const watched = watchReplay(engine, 'orders')
    await engine.keyboard.press('Enter')
    const { seen, rowsMin } = await watched
    expect(seen[0]).toBe(0)
    expect(rowsMin).toBe(before.length)
    await eventually(() => replayed(engine, 'orders')).toMatch(/^\d+ events in [\d.]+ s\. The rows are the same\.$/)
    expect(await rows(engine, 'orders')).toEqual(before)
    expect(await engine.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('orders-replay')
  })
})

describe('the table of the ships', () => {
  /** How often each ship passed on so many pages of the book, told without a log. */
  const passages = (pages: number): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>()
    for (let page = 0; page < pages; page++)
      for (const { type, data } of linesOf(page))
        if (type === 'ShipPassed') counts.set(data.ship, (counts.get(data.ship) ?? 0) + 1)
    return counts
  }
  const events = async () => Number(await shop.getByTestId('book').getAttribute('data-events'))

  test('CART-8 has a row for each ship of a book with many thousand events', async () => {
    await shop.bringToFront()
    await shop.getByTestId('book-open').click()
    await shop.getByTestId('book-fill').click()
    await eventually(events).toBeGreaterThan(10_000)
    await shop.getByTestId('book-stop').click()
    await shop.getByTestId('book-table').click()
    const counts = passages((await events()) / pageEvents)
    await eventually(() => count(shop, 'ships')).toBe(String(counts.size))
    const [busiest, times] = [...counts].sort((a, b) => b[1] - a[1])[0] as [string, number]
    await shop.getByTestId('ships-search').fill(busiest)
    await eventually(() => count(shop, 'ships')).toBe('1')
    expect((await rows(shop, 'ships'))[0]).toMatch(`${busiest} | ${times} passages | `)
    await shop.getByTestId('ships-search').fill('')
    await eventually(() => count(shop, 'ships')).toBe(String(counts.size))
  })

  test('CART-11 is replayed with progress, while the old rows are read on, and is the same again', async () => {
    const before = await rows(shop, 'ships')
    const watched = watchReplay(shop, 'ships')
    await shop.getByTestId('ships-replay').click()
    await shop.getByTestId('ships-look').selectOption('Rarest first')
    await eventually(async () => (await rows(shop, 'ships'))[0]).not.toBe(before[0])
    await shop.getByTestId('ships-look').selectOption('Busiest first')
    const { seen, rowsMin } = await watched
    expect(seen.length).toBeGreaterThan(5)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(rowsMin).toBe(before.length)
    await eventually(() => replayed(shop, 'ships')).toMatch(/^[\d,]+ events in [\d.]+ s\. The rows are the same\.$/)
    await eventually(() => rows(shop, 'ships')).toEqual(before)
  })
})

test('no error is uncaught', () => expect(device.uncaught).toEqual([]))
