// A server, or what stands in front of it, that answers anything but the protocol: nothing is lost, and it shows.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { type Place, shownLog, storedLog } from './place.ts'
import { type Middlebox, type Mood, startProxy } from './proxy.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import {
  add,
  cartUrl,
  confirmed,
  eventually,
  items,
  keptByServiceWorker,
  pending,
  reload,
  showCart,
  syncShown,
} from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let proxy: Middlebox
let browser: Browser
let device: Device
let page: Page

beforeAll(async () => {
  server = await startServer(folder.path)
  proxy = await startProxy(server.url)
  browser = await launchBrowser()
  device = await addDevice(browser)
  page = await device.openTab(cartUrl(proxy.url, 'first'))
  await add(page, 'cap')
  await page.locator('[data-testid=item][data-state=confirmed]').waitFor()
  await keptByServiceWorker(page)
})
afterAll(async () => {
  await browser?.close()
  await proxy?.close()
  await server?.kill()
  folder.remove()
})

const bad: readonly { readonly mood: Mood; readonly state: string; readonly words: RegExp }[] = [
  { mood: 'html', state: 'waiting', words: /Something else than the sync server answered/ },
  { mood: 'half', state: 'waiting', words: /reached|fetch|network|abort/i },
  { mood: 'error', state: 'waiting', words: /HTTP 500/ },
  { mood: 'portal', state: 'waiting', words: /HTTP 403/ },
  // It may still answer.
  { mood: 'silent', state: 'working', words: /1 change safe on this device/ },
]
const allSynced = { state: 'live', pending: 0, synced: true }

/** The event ids that the server got since then. */
const storedAfter = (before: readonly Place[]): readonly string[] =>
  storedLog(folder.path, 'shop')
    .slice(before.length)
    .map(({ id }) => id)

describe('a server that is not itself', () => {
  test.each(bad)(
    'loses nothing, shows the state and is caught up with by itself: $mood',
    async ({ mood, state, words }) => {
      const before = storedLog(folder.path, 'shop')
      await showCart(page, mood)
      await eventually(() => items(page)).toEqual([])
      proxy.turn(mood)
      await add(page, 'mug')
      await eventually(() => items(page)).toEqual(pending('mug'))
      await eventually(() => proxy.asked().length).toBeGreaterThan(0)

      await reload(page)
      await eventually(() => items(page)).toEqual(pending('mug'))
      await eventually(() => syncShown(page)).toEqual({ state, pending: 1, synced: false })
      await eventually(() => page.getByTestId('sync-state').innerText()).toMatch(words)
      const appended = (await shownLog(page)).filter(({ position }) => position === undefined)
      expect(appended.map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded'])
      expect(storedAfter(before)).toEqual([])

      proxy.turn('pass')
      await eventually(() => items(page)).toEqual(confirmed('mug'))
      await eventually(() => syncShown(page)).toEqual(allSynced)
      expect(storedAfter(before)).toEqual(appended.map(({ id }) => id))
      await eventually(() => shownLog(page)).toEqual(storedLog(folder.path, 'shop'))
      expect(device.uncaught).toEqual([])
    },
  )

  test('is asked what became of a push whose answer was cut, and does nothing twice', async () => {
    const before = storedLog(folder.path, 'shop')
    await showCart(page, 'half-push')
    await eventually(() => items(page)).toEqual([])
    proxy.turn('half-push')
    await add(page, 'rope')
    await eventually(() => items(page)).toEqual(confirmed('rope'))
    await eventually(() => syncShown(page)).toEqual(allSynced)
    expect(proxy.asked().filter((method) => method === 'POST')).toEqual(['POST'])
    expect(storedAfter(before)).toHaveLength(2)
    await eventually(() => shownLog(page)).toEqual(storedLog(folder.path, 'shop'))
  })
})
