import { expect, test, vi } from 'vitest'
import { takePage } from './confirm.ts'
import { commitOf, createBrowser, openTab, quiet, Sequence } from './log.fixture.ts'
import { seal } from './seal.ts'
import { Sealer } from './sealer.ts'

vi.mock('../segments/gzip.ts', () => import('../segments/gzip.fixture.ts'))

const open = async () => {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const log = new Sequence()
  const options = { from: 2, max: 8, smallMax: 4, keptRows: 0, quietMs: 1_000, unsealedMax: 6 }
  const sealer = new Sealer(tab.engine, browser.locks, 'db', options)
  let count = 0
  return {
    passSeconds: async (seconds: number) => {
      const end = browser.clock.now() + seconds * 1_000
      while (browser.clock.now() < end && browser.clock.step()) await quiet()
    },
    sealer,
    /** Another worker begins to seal; what this answers lets it end. */
    sealElsewhere: () => {
      let release = (): void => {}
      const hold = () => new Promise<void>((resolve) => (release = resolve))
      void browser.locks.request('db/seal', {}, hold)
      return async () => {
        release()
        await seal(tab.engine, options)
        sealer.look()
      }
    },
    pull: async () => {
      await takePage(tab.engine, log.add(commitOf(`c${count++}`, ['s1', 't1'])))
      sealer.look()
      await quiet()
    },
    sealed: () => tab.engine.view.sealed.head.position,
  }
}

test('what is confirmed is sealed once the log has been quiet for a while', async () => {
  const { passSeconds, pull, sealed } = await open()
  await pull()
  await pull()
  expect(sealed()).toBe(0)
  await passSeconds(2)
  expect(sealed()).toBe(4)
})

test('what another worker has sealed is nothing to wait for', async () => {
  const { passSeconds, pull, sealed, sealElsewhere } = await open()
  const end = sealElsewhere()
  await pull()
  await pull()
  await passSeconds(2)
  expect(sealed()).toBe(0)
  await end()
  expect(sealed()).toBe(4)
  await pull()
  await pull()
  await passSeconds(2)
  expect(sealed()).toBe(8)
})

test('more than may stay in memory is sealed at once', async () => {
  const { pull, sealed } = await open()
  for (let pulls = 0; pulls < 4; pulls++) await pull()
  expect(sealed()).toBe(8)
})

test('nothing is sealed once it is closed', async () => {
  const { passSeconds, pull, sealed, sealer } = await open()
  await pull()
  await pull()
  sealer.close()
  await passSeconds(2)
  for (let pulls = 0; pulls < 4; pulls++) await pull()
  expect(sealed()).toBe(0)
})
