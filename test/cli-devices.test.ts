// The code of a device, and the endpoint as a program: it ends, comes back, and is restored from a backup.
import { unwrap } from 'tidelog'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { bundleCli, Place } from '../server/cli/cli.fixture.ts'
import { browserClock } from '../src/platform/browser.ts'
import { createMemoryDatabase } from '../src/store/memory-store.ts'
import { MemoryChannels } from '../src/testing/memory-channels.ts'
import { MemoryLocks } from '../src/testing/memory-locks.ts'
import { openMemoryTab } from '../src/testing/memory-tab.ts'
import { seededRandom } from '../src/testing/seeded-random.ts'
import { shop } from './types/shop.ts'
import { added, created } from './world.ts'

let file = ''
let place: Place
const closing: (() => Promise<void>)[] = []
beforeAll(async () => {
  file = await bundleCli('devices')
})
beforeEach(() => {
  place = new Place(file)
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await place.remove()
})

let devices = 0
/** A device that speaks to the endpoint over HTTP. */
function openDevice(url: string) {
  const clock = browserClock
  const browser = {
    clock,
    random: seededRandom(++devices),
    locks: new MemoryLocks(clock),
    database: createMemoryDatabase(`device-${devices}`),
    openChannel: new MemoryChannels().open,
  }
  const log = openMemoryTab(shop, browser, {
    fetch: (request) => fetch(request),
    urlOf: (name) => `${url}/sync/${name}`,
  })
  closing.push(() => log.close())
  const states = new Set<string>()
  log.sync.subscribe(() => states.add(log.sync.get().state))
  return { log, states }
}
type Device = ReturnType<typeof openDevice>
const append = async ({ log }: Device, item: string): Promise<void> => {
  unwrap(await log.append([item === 'cart' ? created('1') : added('1', item)]))
}
const followed = (device: Device, confirmed: number) =>
  expect.poll(() => device.log.sync.get(), { timeout: 20_000 }).toMatchObject({ confirmed, pending: 0, state: 'live' })
const portOf = (url: string): string => new URL(url).port

test('devices go on by themselves when the endpoint ends and comes back', async () => {
  const first = await place.serve(['--store', 'sqlite:./log.db'])
  const [ann, bob] = [openDevice(first.url), openDevice(first.url)]
  await append(ann, 'cart')
  await Promise.all([followed(ann, 1), followed(bob, 1)])
  first.program.child.kill('SIGTERM')
  expect(await first.program.ended).toBe(0)
  await append(ann, 'offline')
  await place.serve(['--store', 'sqlite:./log.db', '--port', portOf(first.url)])
  await append(bob, 'online')
  await Promise.all([followed(ann, 3), followed(bob, 3)])
  for (const { states, log } of [ann, bob]) {
    expect(states.has('diverged') || states.has('stopped')).toBe(false)
    expect(await log.deadLetters.list()).toEqual([])
  }
}, 60_000)

test('a device goes on with an endpoint that was restored from a backup', async () => {
  const first = await place.serve(['--store', 'sqlite:./log.db'])
  const ann = openDevice(first.url)
  for (const item of ['cart', 'a', 'b']) await append(ann, item)
  await followed(ann, 3)
  const one = ['--log', 'shop']
  expect(await place.run(['backup', '--store', 'sqlite:./log.db', ...one, '--to', 'b.gz'])).toMatchObject({ code: 0 })
  first.program.child.kill('SIGTERM')
  await first.program.ended
  await append(ann, 'meanwhile')
  expect(await place.run(['restore', '--store', 'sqlite:./new.db', ...one, '--from', 'b.gz'])).toMatchObject({
    code: 0,
  })
  const second = await place.serve(['--store', 'sqlite:./new.db', '--port', portOf(first.url)])
  await followed(ann, 4)
  expect(ann.states.has('diverged')).toBe(false)
  const bob = openDevice(second.url)
  await followed(bob, 4)
  const eventsOf = async ({ log }: Device) =>
    (await log.read().all()).events.map(({ id, position, commitId }) => ({ id, position, commitId }))
  expect(await eventsOf(bob)).toEqual(await eventsOf(ann))
  // What is not the same log is noticed: the device was not fooled above.
  second.program.child.kill('SIGTERM')
  await second.program.ended
  await place.serve(['--store', 'memory:', '--port', portOf(first.url)])
  await append(ann, 'kept')
  await expect.poll(() => ann.log.sync.get().state, { timeout: 20_000 }).toBe('diverged')
  expect(ann.log.sync.get().pending).toBe(1)
}, 60_000)
