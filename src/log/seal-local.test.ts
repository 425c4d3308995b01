import { expect, test } from 'vitest'
import { createBrowser, largeCall, openTab, quiet, readWhole, rowsOf, type Tab } from './log.fixture.ts'
import { seal } from './seal.ts'

const options = { from: 3, max: 100, smallMax: 3, keptRows: 0 }
const placesIn = async ({ reader }: Tab): Promise<readonly string[]> =>
  (await readWhole(reader, {})).map(({ commitId, position, version }) => `${commitId} ${position} ${version}`)
const kindsOf = async (tab: Tab): Promise<readonly string[]> => (await rowsOf(tab)).map(({ kind }) => kind)
const appendEach = async (tab: Tab, ...ids: readonly string[]): Promise<void> => {
  for (const id of ids) await tab.append(largeCall(id, 5_000))
}

test('a log that is its own sequencer keeps its content once: what is sealed leaves a stub where it was', async () => {
  const tab = await openTab(createBrowser(), { synced: false })
  await appendEach(tab, 'a', 'b', 'c')
  await tab.append(largeCall('small', 10))
  const before = await placesIn(tab)
  expect(await seal(tab.engine, options)).toBe(true)
  expect(await kindsOf(tab)).toEqual(['stub', 'stub', 'stub', 'append', 'seal'])
  expect(await placesIn(tab)).toEqual(before)
  await appendEach(tab, 'd', 'e', 'f')
  expect(await seal(tab.engine, options)).toBe(true)
  expect(await placesIn(tab)).toEqual(
    ['a', 'b', 'c', 'small', 'd', 'e', 'f'].map((id, at) => `${id} ${at + 1} ${at + 1}`),
  )
})

test('a tab that comes to a stub begins again at the checkpoint, wherever it was', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser, { synced: false })
  const empty = await openTab(browser, { synced: false })
  browser.channels.isLost = () => true
  await appendEach(tab, 'a')
  const early = await openTab(browser, { synced: false })
  await appendEach(tab, 'b', 'c')
  await seal(tab.engine, options)
  await appendEach(tab, 'd')
  for (const other of [empty, early, await openTab(browser, { synced: false })]) {
    await other.engine.catchUp()
    expect(other.engine.view.marker).toEqual(tab.engine.view.marker)
    expect(await placesIn(other)).toEqual(await placesIn(tab))
  }
})

test('a tab that is behind finds the key of a stub taken, and appends behind everything', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser, { synced: false })
  const behind = await openTab(browser, { synced: false })
  browser.channels.isLost = () => true
  await appendEach(tab, 'a', 'b', 'c')
  await seal(tab.engine, options)
  expect(behind.engine.view.revision).toBe(0)
  await appendEach(behind, 'late')
  await tab.engine.catchUp()
  await quiet()
  expect(await placesIn(tab)).toEqual(['a 1 1', 'b 2 2', 'c 3 3', 'late 4 4'])
  expect(await placesIn(behind)).toEqual(await placesIn(tab))
})
