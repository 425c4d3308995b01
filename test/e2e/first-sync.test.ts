// A device that meets a server with a long log: it says how far it is, and is usable meanwhile.
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { cartUrl, eventually, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
const runs = 8
const commitsPerRun = 10
const eventsPerCommit = 500
const eventsInAll = runs * commitsPerRun * eventsPerCommit

/** Carts that other devices started, many in a commit. */
async function fillServer(): Promise<void> {
  let seen = { position: 0, digest: '0'.repeat(16) }
  for (let run = 0; run < runs; run++) {
    const commits = Array.from({ length: commitsPerRun }, (_, nth) => {
      const id = `others-${run}-${nth}`
      const events = Array.from({ length: eventsPerCommit }, (_, at) => {
        const cartId = `${id}-${at}`
        return { type: 'CartCreated', stream: `cart-${cartId}`, tags: [`cartId:${cartId}`], data: { cartId } }
      })
      return { id, contentId: `${id}/1`, time: '2026-01-01T00:00:00.000Z', events }
    })
    const body = JSON.stringify({ protocol: 1, seen, commits })
    const pushed = await fetch(`${server.url}/sync/shop/push`, { method: 'POST', headers, body })
    const { verdicts, page } = await pushed.json()
    expect(verdicts).toHaveLength(commitsPerRun)
    seen = page.through
  }
}

describe('a device that is far behind', () => {
  test('shows how much of the log has come, with a bar, until all of it is there', async () => {
    await fillServer()
    const device = await addDevice(browser)
    const page = await device.openTab('about:blank')
    await page.addInitScript(() => {
      const seen: string[] = []
      Reflect.set(globalThis, 'seen', seen)
      addEventListener('DOMContentLoaded', () => {
        const root = document.querySelector('[data-testid=sync-state]')
        const bar = document.querySelector<HTMLProgressElement>('#sync-progress')
        if (root === null || bar === null) return
        const note = (): void => {
          const words = document.querySelector('#sync-title')?.textContent
          const detail = document.querySelector('#sync-detail')?.textContent
          if (!bar.hidden) seen.push(`${words}: ${detail} ${bar.value}/${bar.max}`)
        }
        new MutationObserver(note).observe(root, { attributes: true, childList: true, subtree: true })
      })
    })
    await page.goto(cartUrl(server.url, 'far'))
    await eventually(() => syncShown(page)).toEqual({ state: 'live', pending: 0, synced: true })
    const seen: readonly string[] = await page.evaluate(() => Reflect.get(globalThis, 'seen'))
    const total = eventsInAll.toLocaleString('en-IE')
    expect(seen[0]).toContain(`Catching up: 0 of ${total}`)
    const shares = seen.map((line) => Number(/(\d+)\/\d+$/.exec(line)?.[1]))
    expect(new Set(shares).size, `${seen}`).toBeGreaterThan(2)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(await page.getByTestId('sync-progress').isHidden()).toBe(true)
    await eventually(() => page.locator('#log-count').innerText()).toBe(`${total} events confirmed, 0 pending`)
  })
})
