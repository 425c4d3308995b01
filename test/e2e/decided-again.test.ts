// Rules that were kept offline, and broken by what others did first: decided again on each device, and told.
import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { type Place, shownLog, storedLog } from './place.ts'
import { type Middlebox, startProxy } from './proxy.ts'
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
  pending,
  refused,
  reload,
  showCart,
  syncShown,
} from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let proxy: Middlebox
let browser: Browser
let devices: readonly [a: Device, b: Device]
let a: Page
let b: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  proxy = await startProxy(server.url)
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
  a = await devices[0].openTab(cartUrl(server.url, 'full'))
  // Only this device's line to the server is tampered with.
  b = await devices[1].openTab(cartUrl(proxy.url, 'full'))
})
afterAll(async () => {
  await browser?.close()
  await proxy?.close()
  await server?.kill()
  folder.remove()
})

const inStep = { state: 'live', pending: 0, synced: true }
const stored = (): readonly Place[] => storedLog(folder.path, 'shop')
const idsPending = async (page: Page): Promise<readonly string[]> =>
  (await shownLog(page)).flatMap(({ id, position }) => (position === undefined ? [id] : []))

describe('two devices that fill a cart offline, with more than it holds,', () => {
  /** Events of device b as they were made without the server: a cart, a cap and a mug. */
  let made: readonly string[] = []

  test('both go by the rule as long as they are alone', async () => {
    for (const page of [a, b]) {
      await eventually(() => syncShown(page)).toEqual(inStep)
      await goOffline(page)
    }
    await add(a, 'lantern')
    await eventually(() => items(a)).toEqual(pending('lantern'))
    await add(a, 'compass')
    await eventually(() => items(a)).toEqual(pending('lantern', 'compass'))
    await add(b, 'cap')
    await eventually(() => items(b)).toEqual(pending('cap'))
    await add(b, 'mug')
    await eventually(() => items(b)).toEqual(pending('cap', 'mug'))
    await eventually(() => idsPending(b)).toHaveLength(3)
    made = await idsPending(b)
    await goOnline(a)
    await eventually(() => items(a)).toEqual(confirmed('lantern', 'compass'))
    // Made after the one that will be refused, and nobody contests it.
    await showCart(b, 'elsewhere')
    await add(b, 'rope')
    await eventually(() => items(b)).toEqual(pending('rope'))
  })

  test('keep what fits, decided anew; the rest is refused with its reason, and what came after it goes on', async () => {
    await goOnline(b)
    await eventually(() => refused(b)).toEqual(['Add Enamel mug: CartFull'])
    await eventually(() => items(b)).toEqual(confirmed('rope'))
    await showCart(b, 'full')
    for (const page of [a, b]) {
      await eventually(() => items(page)).toEqual(confirmed('lantern', 'compass', 'cap'))
      await eventually(() => syncShown(page)).toEqual(inStep)
    }
    expect(await notice(b)).toMatchObject({ kind: 'refused-later', words: expect.stringContaining('full by then') })
    const words = await b.getByTestId('refused-row').innerText()
    expect(words).toContain('The cart was full by then: it holds 3 things.')
    expect(words).toContain('Because 3 other things came in first')
    expect(words).toContain('Storm lantern was added, Brass compass was added')
    expect(await refused(a)).toEqual([])

    const log = stored()
    expect(log.map(({ type, stream }) => `${stream} ${type}`)).toEqual([
      ...['cart-full CartCreated', 'cart-full ItemAdded', 'cart-full ItemAdded'],
      // Another device had started the cart, so this one only added to it.
      'cart-full ItemAdded',
      ...['cart-elsewhere CartCreated', 'cart-elsewhere ItemAdded'],
    ])
    for (const id of made) expect(log.map((event) => event.id)).not.toContain(id)
    for (const page of [a, b]) await eventually(() => shownLog(page)).toEqual(log)
  })

  test('still know it after a reload and in another tab, and can save it', async () => {
    await reload(b)
    const other = await devices[1].openTab(cartUrl(proxy.url, 'full'))
    for (const page of [b, other]) await eventually(() => refused(page)).toEqual(['Add Enamel mug: CartFull'])
    // What lay there when the page opened is no news.
    expect(await other.getByTestId('notice').count()).toBe(0)
    await other.close()
    const [download] = await Promise.all([b.waitForEvent('download'), b.getByTestId('refused-export').click()])
    expect(download.suggestedFilename()).toBe('refused.json')
    const { letters } = JSON.parse(await readFile(await download.path(), 'utf8'))
    expect(letters).toHaveLength(1)
    expect(letters[0].reason.refusal).toEqual({ type: 'CartFull', data: { max: 3 } })
  })

  test('are refused at once while there is no room, and succeed when there is', async () => {
    await b.getByTestId('refused-again').click()
    await eventually(() => notice(b)).toMatchObject({
      kind: 'refused-now',
      words: expect.stringContaining('This cart holds 3 things'),
    })
    expect(await refused(b)).toHaveLength(1)
    await a.getByTestId('item-remove').first().click()
    for (const page of [a, b]) await eventually(() => items(page)).toEqual(confirmed('compass', 'cap'))
    await b.getByTestId('refused-again').click()
    for (const page of [a, b]) await eventually(() => items(page)).toEqual(confirmed('compass', 'cap', 'mug'))
    await eventually(() => refused(b)).toEqual([])
    expect(await b.getByTestId('refused').isHidden()).toBe(true)
    const log = stored()
    expect(log.slice(6).map(({ type }) => type)).toEqual(['ItemRemoved', 'ItemAdded'])
    for (const page of [a, b]) await eventually(() => shownLog(page)).toEqual(log)
  })
})

describe('what is taken back', () => {
  test('before it was sent never reaches anybody, and what came after it stays', async () => {
    for (const page of [a, b]) await showCart(page, 'back')
    await goOffline(b)
    await add(b, 'flags')
    await eventually(() => items(b)).toEqual(pending('flags'))
    await add(b, 'tables')
    await eventually(() => items(b)).toEqual(pending('flags', 'tables'))
    await b.getByTestId('item-take-back').first().click()
    await eventually(() => items(b)).toEqual(pending('tables'))
    expect((await notice(b)).words).toContain('Nobody else has seen it')
    await goOnline(b)
    for (const page of [a, b]) await eventually(() => items(page)).toEqual(confirmed('tables'))
    const log = stored()
    expect(log.slice(8).map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded'])
    for (const page of [a, b]) await eventually(() => shownLog(page)).toEqual(log)
  })

  test('when the server may have it is said to be so, and comes back if it has', async () => {
    proxy.turn('mute-push')
    await add(b, 'flags')
    await eventually(() => items(b)).toEqual([...confirmed('tables'), ...pending('flags')])
    await eventually(() => stored().length).toBe(11)
    await b.getByTestId('item-take-back').click()
    await eventually(() => items(b)).toEqual(confirmed('tables'))
    expect((await notice(b)).words).toContain('it may have been sent already')
    proxy.turn('pass')
    await eventually(() => items(b)).toEqual(confirmed('tables', 'flags'))
    await eventually(() => refused(b)).toEqual(['Add Signal flags: Confirmed'])
    expect(await b.getByTestId('refused-row').innerText()).toContain('You took it back too late')
    expect(await b.getByTestId('refused-again').count()).toBe(0)
    await b.getByTestId('refused-discard').click()
    await eventually(() => refused(b)).toEqual([])
    for (const page of [a, b]) await eventually(() => shownLog(page)).toEqual(stored())
  })
})

describe('what only a newer version of the shop knows', () => {
  const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
  /** As a newer version of the shop would. */
  async function appendUnknown(cartId: string): Promise<void> {
    const sync = `${server.url}/sync/shop`
    const pulled = await fetch(`${sync}/pull?position=0&digest=${'0'.repeat(16)}`, { headers })
    const { through: seen } = await pulled.json()
    const event = { type: 'GiftWrapped', stream: `cart-${cartId}`, tags: [`cartId:${cartId}`], data: { cartId } }
    const commit = { id: 'newer', contentId: 'newer-content', time: '2026-01-01T00:00:00.000Z', events: [event] }
    const body = JSON.stringify({ protocol: 1, seen, commits: [commit] })
    const pushed = await fetch(`${sync}/push`, { method: 'POST', headers, body })
    expect(await pushed.json()).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
  }

  test('holds up what would have to be decided on it, says why, and lets go when that is taken back', async () => {
    await goOffline(b)
    await add(b, 'cap')
    await eventually(() => items(b)).toEqual([...confirmed('tables', 'flags'), ...pending('cap')])
    const before = stored()
    await appendUnknown('back')
    await goOnline(b)
    await eventually(() => syncShown(b)).toEqual({ state: 'blocked', pending: 1, synced: false })
    const words = await b.getByTestId('sync-state').innerText()
    expect(words).toContain('Held up')
    expect(words).toContain('A newer version of the shop was here first')
    expect(await items(b)).toEqual([...confirmed('tables', 'flags'), ...pending('cap')])
    expect(stored()).toHaveLength(before.length + 1)

    await b.getByTestId('log-take-back').click()
    await eventually(() => syncShown(b)).toEqual(inStep)
    await eventually(() => items(b)).toEqual(confirmed('tables', 'flags'))
    await add(b, 'cap')
    await eventually(() => notice(b)).toMatchObject({
      kind: 'refused-now',
      words: expect.stringContaining('A newer version of the shop wrote to this cart'),
    })
    for (const page of [a, b]) await eventually(() => shownLog(page)).toEqual(stored())
    for (const { uncaught } of devices) expect(uncaught).toEqual([])
  })
})
