import { expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import type { Retentions } from '../core/retention.ts'
import { takePage } from './confirm.ts'
import { commitOf, createBrowser, openTab, pendingIds, quiet, Sequence } from './log.fixture.ts'
import { Retainer } from './retainer.ts'

const dayMs = 24 * 60 * 60_000
const start = Date.parse('2026-01-01T00:00:00.000Z')
const onDay = (id: string, day: number, events: readonly string[] = ['s1']): Commit => ({
  ...commitOf(id, events),
  time: new Date(start + day * dayMs).toISOString(),
})

/** A synced log, and what a retainer asks to be removed when it looks, on a day of the device. */
async function retaining(retentions: Retentions, day: number, ...commits: readonly Commit[]) {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const log = new Sequence()
  await takePage(tab.engine, log.add(...commits))
  const now = tab.engine.clock.now()
  Object.assign(tab.engine, {
    clock: {
      now: () => start + day * dayMs + browser.clock.now() - now,
      after: browser.clock.after.bind(browser.clock),
    },
  })
  const retainer = new Retainer(tab.engine, tab.appender, browser.locks, 'db', retentions)
  const look = async () => {
    for (let turn = 0; turn < 20; turn++) {
      await browser.clock.pass(3 * 60_000)
      await quiet()
    }
    return pendingIds(tab).slice()
  }
  return { browser, tab, log, retainer, look }
}

test('a retainer asks for what is too old, once', async () => {
  const { look, retainer } = await retaining({ 's*': { days: 3 } }, 9, onDay('a', 1), onDay('b', 7), onDay('c', 9))
  expect(await look()).toEqual(['$erased/s*/1'])
  expect(await look()).toEqual(['$erased/s*/1'])
  retainer.close()
})

test('a retainer takes an event of which nobody knows the time for as old as the one before it', async () => {
  const odd = { ...commitOf('odd', ['s1']), time: 'yesterday' }
  const { look, retainer } = await retaining({ 's*': { days: 3 } }, 9, odd, onDay('a', 8), odd, onDay('b', 9))
  expect(await look()).toEqual(['$erased/s*/1'])
  retainer.close()
})

test('a retainer keeps what is behind an event that is young', async () => {
  const { look, retainer } = await retaining({ 's*': { days: 3 } }, 9, onDay('a', 8), onDay('b', 1), onDay('c', 9))
  expect(await look()).toEqual([])
  retainer.close()
})

test('a retainer counts what is there, not what was removed, of each pattern for itself', async () => {
  const events = (stream: string, count: number) => Array.from({ length: count }, () => `${stream}1`)
  const { look, log, tab, retainer } = await retaining(
    { s: { events: 2 }, 't*': { events: 50 } },
    1,
    onDay('a', 1, [...events('s', 5), ...events('t', 20)]),
  )
  expect(await look()).toEqual(['$erased/s/3'])
  const [asked] = [...tab.engine.view.pending.list()]
  await takePage(tab.engine, log.add(asked?.commit as Commit))
  await takePage(tab.engine, log.add(onDay('b', 1, events('s', 4))))
  expect(await look()).toEqual(['$erased/s/28'])
  retainer.close()
})

test('a retainer that is closed asks for nothing', async () => {
  const { look, retainer } = await retaining({ 's*': { days: 3 } }, 9, onDay('a', 1), onDay('c', 9))
  retainer.close()
  expect(await look()).toEqual([])
})

test('a retainer asks for one removal of a pattern at a time', async () => {
  const events = (count: number) => Array.from({ length: count }, () => 's1')
  const { look, log, tab, retainer } = await retaining({ s: { events: 2 } }, 1, onDay('a', 1, events(5)))
  expect(await look()).toEqual(['$erased/s/3'])
  await takePage(tab.engine, log.add(onDay('b', 1, events(5))))
  expect(await look()).toEqual(['$erased/s/3'])
  retainer.close()
})
