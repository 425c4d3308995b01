// The package as an app gets it: an ordinary Vite build with no settings, and a server from the package's entries.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright'
import { createSyncHandler } from 'tidelog/server'
import { type Listening, listen } from 'tidelog/server/node'
import { sqliteStore } from 'tidelog/server/sqlite'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { storedLog } from './place.ts'
import { eventually } from './shop.ts'

const folder = makeFolder()
const app = join(folder.path, 'app')
const store = sqliteStore(join(folder.path, 'log.db'))
const handler = createSyncHandler({ store })
let server: Listening
let browser: Browser
let devices: readonly [Device, Device]
let pages: readonly [Page, Page]

beforeAll(async () => {
  const root = fileURLToPath(new URL('fixtures/notes', import.meta.url))
  await build({ configFile: false, logLevel: 'error', root, build: { outDir: app } })
  server = await listen({ handler, port: 0, staticDir: app })
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
  pages = [await devices[0].openTab(server.url), await devices[1].openTab(server.url)]
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await store.close()
  folder.remove()
})

/** Well below the time between two polls, so what is seen by then came over the live stream. */
const liveMs = 10_000

const write = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Note').fill(text)
  await page.keyboard.press('Enter')
}
const notes = (page: Page): Promise<readonly string[]> => page.locator('li').allInnerTexts()

describe('the package', () => {
  test('has a program that runs by its name, as npm would run it', () => {
    const { bin, version }: { bin: { tidelog: string }; version: string } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    )
    expect(execFileSync(bin.tidelog, ['--version'], { encoding: 'utf8' })).toBe(`${version}\n`)
  })
})

describe('an app without a worker file', () => {
  test('gets the worker of the package in its build', () =>
    expect(readdirSync(join(app, 'assets')).filter((name) => /^default-.*\.js$/.test(name))).toHaveLength(1))

  test('writes at the server, and another device sees it live', async () => {
    const [one, other] = pages
    await write(one, 'high water')
    await eventually(() => one.locator('output').innerText()).toBe('1 event confirmed')
    await eventually(() => notes(other), liveMs).toEqual(['high water v1 at 1'])
    await write(other, 'low water')
    await eventually(() => notes(one), liveMs).toEqual(['high water v1 at 1', 'low water v2 at 2'])
    expect(storedLog(folder.path, 'notes').map(({ type, version }) => `${type} ${version}`)).toEqual([
      'NoteWritten 1',
      'NoteWritten 2',
    ])
  })

  test('finds its log again after a reload, without its page ever opening the database', async () => {
    const [one] = pages
    await one.reload()
    await eventually(() => notes(one)).toEqual(['high water v1 at 1', 'low water v2 at 2'])
    for (const { openedByPages, uncaught } of devices) expect([openedByPages, uncaught]).toEqual([[], []])
  })
})
