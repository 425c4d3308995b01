// Faults around the storage, each one of `tidelog/testing`: notices, the clock, the worker itself.
import { unwrap } from 'tidelog'
import { injectFaults } from 'tidelog/testing'
import { expect, test } from 'vitest'
import { openFaulty } from './faulty.ts'
import { newKey, note, openNotes, texts } from './notes.ts'

const one = (text: string) => note(text, { topic: 'one' })

test('notices that are lost, doubled and out of order cost no event, and no event twice', async () => {
  const key = newKey()
  const [a, b] = [openFaulty(key), openFaulty(key)]
  const views = [a, b].map(({ log }) => log.view(texts, { topic: 'one' }))
  await Promise.all(views.map(({ ready }) => ready))
  for (const { faults } of [a, b]) {
    await faults.notices.drop(0.3)
    await faults.notices.double(0.3)
    await faults.notices.reorder(0.3)
  }
  const written = Array.from({ length: 40 }, (_, at) => `${at}`)
  for (const [at, text] of written.entries()) {
    const { log } = at % 3 === 0 ? b : a
    unwrap(await log.append('diary', [one(text)]))
  }
  for (const { faults } of [a, b]) await faults.restore()
  // The next notice tells where the log is.
  unwrap(await a.log.append('diary', [one('last')]))
  for (const view of views) await expect.poll(() => view.get()).toEqual([...written, 'last'])
})

test('a clock that jumps by years neither reorders nor stops anything', async () => {
  const key = newKey()
  const { log, faults } = openFaulty(key)
  const years = 10 * 365 * 86_400_000
  const faultsHere = injectFaults()
  try {
    const written: string[] = []
    const times: number[] = []
    for (const ms of [years, -2 * years, years]) {
      await faults.clock.jump(ms)
      faultsHere.clock.jump(ms)
      const text = `${ms} ${written.length}`
      const { events, receipt } = unwrap(await log.append('diary', [one(text)]))
      written.push(text)
      times.push(Date.parse(events[0]?.time ?? ''))
      expect((await log.whenConfirmed(receipt)).status).toBe('confirmed')
    }
    expect([times[0]! > times[1]! + years, times[2]! > times[1]!]).toEqual([true, true])
    const { events } = await log.read().all()
    expect(events.map(({ position }) => position)).toEqual([1, 2, 3])
    expect(await log.view(texts, { topic: 'one' }).ready).toEqual(written)
  } finally {
    faultsHere.restore()
  }
  expect(Math.abs(Date.now() - performance.timeOrigin)).toBeLessThan(years)
})

test('a worker that is frozen keeps its own page waiting, and nobody else; then what was asked of it is done once', async () => {
  const key = newKey()
  const frozen = openFaulty(key)
  const other = openNotes(key)
  await Promise.all([frozen.log.ready, other.ready])
  const thaw = frozen.workers.freeze()
  let isAnswered = false
  const asked = frozen.log.append('diary', [one('asked')]).finally(() => {
    isAnswered = true
  })
  unwrap(await other.append('diary', [one('other')]))
  expect(isAnswered).toBe(false)
  thaw()
  unwrap(await asked)
  expect(await frozen.log.view(texts, { topic: 'one' }).ready).toEqual(['other', 'asked'])
})

test('a worker that is killed is replaced, and an append under way is made once', async () => {
  const { log, workers } = openFaulty(newKey())
  unwrap(await log.append('diary', [one('first')]))
  const written = ['first']
  for (let round = 0; round < 3; round++) {
    const appending = log.append('diary', [one(`${round}`)])
    workers.terminate()
    unwrap(await appending)
    written.push(`${round}`)
  }
  expect(workers.started()).toBe(4)
  expect(await log.view(texts, { topic: 'one' }).ready).toEqual(written)
})

test('faults that are restored leave nothing behind', () => {
  const before = [Date, BroadcastChannel.prototype.postMessage, IDBFactory.prototype.open]
  const faults = injectFaults()
  expect([Date, BroadcastChannel.prototype.postMessage, IDBFactory.prototype.open]).not.toEqual(before)
  faults.clock.jump(1)
  faults.restore()
  expect([Date, BroadcastChannel.prototype.postMessage, IDBFactory.prototype.open]).toEqual(before)
})
