import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addDevice, type Device, launchBrowser } from './device.ts'
import { makeFolder } from './folders.ts'
import { storedLog } from './place.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { add, cartUrl, confirmed, eventually, items, pending, syncShown } from './shop.ts'

const folder = makeFolder()
let server: ServerProcess
let browser: Browser
let devices: readonly [phone: Device, laptop: Device]

beforeAll(async () => {
  server = await startServer(folder.path)
  browser = await launchBrowser()
  devices = [await addDevice(browser), await addDevice(browser)]
})
afterAll(async () => {
  await browser?.close()
  await server?.kill()
  folder.remove()
})

test('a server that lost its log is noticed, and gets what a visitor brings along', async () => {
  const url = cartUrl(server.url, 'reset')
  const phone = await devices[0].openTab(url)
  const secondTab = await devices[0].openTab(url)
  await add(phone, 'cap')
  await eventually(() => items(phone)).toEqual(confirmed('cap'))

  await server.kill()
  for (const name of ['log.db', 'log.db-wal', 'log.db-shm']) rmSync(join(folder.path, name), { force: true })
  await add(phone, 'mug')
  await server.startAgain()
  await eventually(async () => (await syncShown(phone)).state).toBe('diverged')
  // Nothing is lost, and nothing is sent.
  expect(await items(phone)).toEqual([...confirmed('cap'), ...pending('mug')])
  const laptop = await devices[1].openTab(url)
  await eventually(async () => (await syncShown(laptop)).synced).toBe(true)
  expect(await items(laptop)).toEqual([])

  await phone.bringToFront()
  await phone.getByTestId('adopt').click()
  for (const page of [phone, laptop]) await eventually(() => items(page)).toEqual(confirmed('cap', 'mug'))
  await eventually(() => secondTab.locator('#storage-banner').getAttribute('data-state')).toBe('moved')
  await secondTab.reload()
  await eventually(() => items(secondTab)).toEqual(confirmed('cap', 'mug'))
  expect(storedLog(folder.path, 'shop').map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded', 'ItemAdded'])
})
