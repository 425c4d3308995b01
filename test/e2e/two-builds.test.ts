// A new build of an app is deployed while a tab of the old one is open: its service worker takes over, its model has a
// newer version of an event and a kind more, and the files of the old build are gone.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TabApi } from './fixtures/two-builds/main.ts'
import { makeFolder } from './folders.ts'
import { type LifeServer, serveLife } from './life-server.ts'
import { eventually } from './life-tabs.ts'
import { type RawBrowser, type RawTab, startRawBrowser } from './raw-chromium.ts'

const hangMs = 3_000

const folder = makeFolder()
const site = join(folder.path, 'site')
let server: LifeServer
let browser: RawBrowser

beforeAll(async () => {
  const root = fileURLToPath(new URL('fixtures/two-builds', import.meta.url))
  for (const nth of [1, 2]) {
    const define = { __BUILD__: String(nth) }
    const outDir = join(folder.path, `build-${nth}`)
    await build({ configFile: false, logLevel: 'error', root, define, worker: { format: 'es' }, build: { outDir } })
  }
  deploy(1)
  server = await serveLife(site)
  browser = await startRawBrowser(join(folder.path, 'profile'))
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  folder.remove()
})

function deploy(nth: number): void {
  rmSync(site, { recursive: true, force: true })
  cpSync(join(folder.path, `build-${nth}`), site, { recursive: true })
}
async function open(build: number): Promise<RawTab<TabApi>> {
  const tab: RawTab<TabApi> = await browser.openTab(server.url)
  await eventually(() => tab.call('build')).toBe(build)
  await eventually(() => tab.call('servedBy')).toBe(`?${build}`)
  await eventually(async () => (await tab.call('sync')).state).toBe('live')
  return tab
}
async function append(tab: RawTab<TabApi>, name: string): Promise<void> {
  const { answer, ms } = await tab.call('append', name)
  expect(answer).toBe('ok')
  expect(ms).toBeLessThan(hangMs)
}
const inStep = async (...tabs: readonly RawTab<TabApi>[]): Promise<void> => {
  const held = await server.names('builds')
  for (const tab of tabs)
    await eventually(async () => {
      const { synced, confirmed } = await tab.call('sync')
      return [synced, confirmed]
    }).toEqual([true, held.length])
}

test('a tab of an old build and one of the new go on side by side, and a worker that is no more there is lost with a word', async () => {
  const old = await open(1)
  await append(old, 'a')
  deploy(2)
  const fresh = await open(2)
  await eventually(() => old.call('servedBy')).toBe('?2')
  await append(fresh, 'b')
  await append(old, 'c')
  await append(fresh, 'd')
  await append(old, 'e')
  const held = ['a', 'b', 'b', 'c', 'd', 'd', 'e']
  await eventually(async () => (await server.names('builds')).toSorted()).toEqual(held)
  await inStep(old, fresh)
  const known = (await fresh.call('read')).toSorted()
  expect(known).toEqual([
    'Noted a as ever',
    'Noted b new',
    'Noted c as ever',
    'Noted d new',
    'Noted e as ever',
    'Rated b',
    'Rated d',
  ])
  const seen = await old.call('read')
  expect(seen.filter((text) => text.startsWith('Noted ')).length).toBe(3)
  expect(seen.filter((text) => text.startsWith('$unknown')).length).toBe(4)

  // Its worker is started anew, from a file that is gone, also from the browser's cache.
  await old.send('Network.clearBrowserCache')
  await old.call('loseWorker')
  const { answer, ms } = await old.call('append', 'f')
  expect(answer).toBe('tidelog/worker-lost')
  expect(ms).toBeLessThan(hangMs)
  await append(fresh, 'g')
  await eventually(async () => (await server.names('builds')).toSorted()).toEqual([...held, 'g', 'g'])
  await inStep(fresh)
})
