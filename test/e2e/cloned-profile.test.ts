// A profile is copied while its browser is closed, as a restored backup or a cloned machine: both copies go on.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeFolder } from './folders.ts'
import { type LifeServer, startLifeServer } from './life-server.ts'
import { allIsThereOnce, eventually, type Tab } from './life-tabs.ts'
import { type RawBrowser, startRawBrowser } from './raw-chromium.ts'

const folder = makeFolder()
let server: LifeServer
let running: RawBrowser[] = []

beforeAll(async () => {
  server = await startLifeServer(folder.path)
})
afterEach(async () => {
  await Promise.all(running.map((browser) => browser.close()))
  running = []
})
afterAll(async () => {
  await server?.close()
  folder.remove()
})

async function start(profile: string): Promise<RawBrowser> {
  const browser = await startRawBrowser(profile)
  running.push(browser)
  return browser
}
/** A tab that talks to nobody until it is told to. */
async function openOffline(browser: RawBrowser, log: string, name: string): Promise<Tab> {
  const tab: Tab = await browser.openTab(`${server.url}/?log=${log}&tab=${name}&paused`)
  await eventually(async () => (await tab.call('sync')).state).toBe('paused')
  return tab
}
async function append(tab: Tab, names: readonly string[]): Promise<void> {
  for (const name of names) expect(await tab.call('append', name)).toMatch(/\.0$/)
}
const named = (of: string): readonly string[] => ['1', '2', '3'].map((nth) => `${of}-${nth}`)

test.each([
  { what: 'commits that nobody has', unsent: named('unsent') },
  { what: 'nothing that the server lacks', unsent: [] },
])(
  'two copies of a profile with $what append offline and sync: the server has every event of both once, both show one log',
  async ({ unsent }) => {
    const log = crypto.randomUUID()
    const profiles = ['original', 'copy'].map((name) => join(folder.path, `${name}-${log}`)) as [string, string]
    const first = await start(profiles[0])
    const before = await openOffline(first, log, 'before')
    await append(before, named('sent'))
    await before.call('resume')
    await eventually(() => server.names(log)).toEqual(named('sent'))
    await eventually(async () => (await before.call('sync')).synced).toBe(true)
    await before.call('pause')
    await append(before, unsent)
    await first.close()
    running = []
    cpSync(profiles[0], profiles[1], { recursive: true })

    const copies = await Promise.all(profiles.map(start))
    const tabs = [await openOffline(copies[0]!, log, 'original'), await openOffline(copies[1]!, log, 'copy')]
    for (const tab of tabs) await eventually(() => tab.call('read')).toEqual([...named('sent'), ...unsent])
    await append(tabs[0]!, named('original'))
    await append(tabs[1]!, named('copy'))
    for (const tab of tabs) await tab.call('resume')
    const acknowledged = ['sent', 'original', 'copy'].flatMap(named).concat(unsent)
    await allIsThereOnce(server, log, { acknowledged, tabs })
    expect((await server.names(log)).length).toBe(acknowledged.length)
  },
)
