import { expect, test } from 'vitest'
import { takePage } from './confirm.ts'
import { Eraser } from './eraser.ts'
import { commitOf, createBrowser, openTab, quiet, Sequence } from './log.fixture.ts'
import { seal } from './seal.ts'

const options = { from: 2, max: 40, smallMax: 9, keptRows: 0, quietMs: 1_000 }

/** A log with an erasure that is sealed already, as one that was downloaded has it, and an eraser. */
async function sealedErasure() {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const log = new Sequence()
  const gone = { ...commitOf('gone', ['s1']), events: [{ type: '$erased', stream: 's', data: {} }] }
  await takePage(tab.engine, log.add(commitOf('a', ['s1']), gone))
  await seal(tab.engine, options)
  const eraser = new Eraser(tab.engine, browser.locks, 'db', options)
  const pass = async (ms: number) => {
    await browser.clock.pass(ms)
    for (let turn = 0; turn < 20; turn++) await quiet()
  }
  const through = () => tab.engine.view.erased.through
  /** What is packed takes its own time, and lets others go first. */
  const reaches = (position: number) =>
    expect.poll(() => browser.clock.pass(0).then(through), { interval: 5, timeout: 10_000 }).toBe(position)
  return { browser, tab, log, eraser, pass, through, reaches }
}

test('an erasure among what is sealed waits until the log is quiet', async () => {
  const { tab, log, eraser, pass, through, reaches } = await sealedErasure()
  for (let nth = 0; nth < 5; nth++) {
    await takePage(tab.engine, log.add(commitOf(`b${nth}`, ['t1'])))
    eraser.look()
    await pass(900)
  }
  expect(through()).toBe(0)
  await pass(200)
  await reaches(2)
  eraser.close()
})

test('an erasure among what is sealed is carried out in a log that is never quiet', async () => {
  const { tab, log, eraser, pass, through, reaches } = await sealedErasure()
  for (let nth = 0; nth < 40 && through() === 0; nth++) {
    await takePage(tab.engine, log.add(commitOf(`b${nth}`, ['t1'])))
    eraser.look()
    await pass(900)
  }
  await reaches(2)
  eraser.close()
})

test('an erasure is carried out without a look at whether anything moves when it has just come', async () => {
  const { tab, log, eraser, reaches } = await sealedErasure()
  const gone = { ...commitOf('more', ['s1']), events: [{ type: '$erased', stream: 't', data: {} }] }
  await takePage(tab.engine, log.add(gone))
  eraser.look()
  await reaches(3)
  eraser.close()
})

test('an eraser that is closed begins nothing', async () => {
  const { tab, eraser, pass, through } = await sealedErasure()
  eraser.look()
  eraser.close()
  await pass(60_000)
  expect([through(), tab.engine.view.revision]).toEqual([0, 2])
})

test('an eraser tries again after a failure, and while another tab packs', async () => {
  const { browser, eraser, pass, through, reaches } = await sealedErasure()
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  void browser.locks.request('db/seal', {}, () => held)
  eraser.look()
  await pass(11_500)
  expect(through()).toBe(0)
  release()
  await pass(6_000)
  await reaches(2)
  eraser.close()
})
