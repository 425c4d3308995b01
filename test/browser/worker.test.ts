// Workers that do not load, die, or belong to the app.

import { isTidelogError, unwrap } from 'tidelog'
import { expect, test, vi } from 'vitest'
import { openFaulty } from './faulty.ts'
import { newKey, note, openNotes, texts } from './notes.ts'
import { rawStore } from './raw.ts'
import * as spy from './spy.ts'

test('a worker that can not be loaded rejects as lost, and never hangs', async () => {
  const log = openNotes(newKey(), { worker: () => new Worker('/no-such-worker.js', { type: 'module' }) })
  const isLost = (error: unknown) => isTidelogError(error, 'tidelog/worker-lost')
  await expect(log.ready).rejects.toSatisfy(isLost)
  await expect(log.append('diary', [note('a')])).rejects.toSatisfy(isLost)
  await expect(log.read().all()).rejects.toSatisfy(isLost)
  expect(log.storage.get()).toMatchObject({ state: 'lost', durable: false })
})

test('an append whose worker is terminated is completed by the next one, and no event is doubled', async () => {
  const key = newKey()
  const workers: Worker[] = []
  const worker = () => {
    const made = new Worker(new URL('./workers/spied.ts', import.meta.url), { type: 'module', name: `spy/${key}` })
    workers.push(made)
    return made
  }
  const log = openNotes(key, { worker })
  await log.ready
  const sent: string[] = []
  for (let round = 0; round < 5; round++) {
    await log.logHead()
    const appending = [0, 1, 2].map((at) => log.append('diary', [note(`${round}.${at}`)]))
    sent.push(...[0, 1, 2].map((at) => `${round}.${at}`))
    // At another moment of the append each time: before it is sent, in its transaction, behind it.
    if (round > 0) await new Promise((resolve) => setTimeout(resolve, round * 2))
    workers.at(-1)?.terminate()
    for (const out of await Promise.all(appending)) unwrap(out)
  }
  const { events } = await log.read().all()
  expect(workers.length).toBe(6)
  expect(events.map((event) => (event.type === 'NoteTaken' ? event.data.text : ''))).toEqual(sent)
  const { keys } = await rawStore(key, 'writes')
  expect(keys).toEqual(keys.map((_, at) => at + 1))
})

test('a worker that is terminated in the middle of a transaction holds up no append of another tab', async () => {
  for (let round = 0; round < 10; round++) {
    const key = newKey()
    const { log: dying, workers } = openFaulty(key)
    const other = openNotes(key)
    unwrap(
      await other.append(
        'diary',
        Array.from({ length: 500 }, (_, at) => note(`${at}`.repeat(50))),
      ),
    )
    await dying.logHead()
    const underWay = round % 2 === 0 ? dying.read().all() : dying.append('diary', [note('of the dying')])
    // At another moment of it each time.
    await new Promise((resolve) => setTimeout(resolve, round))
    workers.terminate()
    unwrap(await other.append('diary', [note('of the other')]))
    await underWay
    await Promise.all([dying.close(), other.close()])
  }
}, 60_000)

/** A tab, and the workers that it has started. */
function openSpied() {
  const key = newKey()
  const workers: Worker[] = []
  const log = openNotes(key, {
    worker: () => {
      const made = new Worker(new URL('./workers/spied.ts', import.meta.url), { type: 'module', name: `spy/${key}` })
      workers.push(made)
      return made
    },
  })
  return { log, workers }
}

test('a view goes on over the death of its worker', async () => {
  const { log, workers } = openSpied()
  const view = log.view(texts, { topic: 'one' })
  await view.ready
  workers[0]?.terminate()
  const { receipt } = unwrap(await log.append('diary', [note('a', { topic: 'one' })]))
  expect(await view.waitFor(receipt, { timeoutMs: 5_000 })).toEqual(['a'])
  expect(view.error()).toBeUndefined()
})

test('a worker that is terminated while nobody calls is followed by another, which does what runs by itself', async () => {
  const { log, workers } = openSpied()
  await log.ready
  workers[0]?.terminate()
  await vi.waitFor(() => expect(workers).toHaveLength(2), 10_000)
  unwrap(await log.append('diary', [note('a')]))
  expect(workers).toHaveLength(2)
})

test('a worker of the app serves the log as the package’s own does', async () => {
  const key = newKey()
  const own = openNotes(key)
  const theirs = new spy.SpiedTab(key)
  const first = unwrap(await theirs.log.append('diary', [note('a')], { expectedVersion: 0 }))
  const second = unwrap(await own.append('diary', [note('b')], { expectedVersion: 1 }))
  const expected = [...first.events, ...second.events]
  expect((await own.read().all()).events).toEqual(expected)
  expect((await theirs.log.read().all()).events).toEqual(expected)
})

test('close waits for the appends before it, also those of the same tick, and refuses what comes after', async () => {
  const key = newKey()
  const log = openNotes(key)
  const early = log.append('diary', [note('early')])
  await log.ready
  const late = log.append('diary', [note('late')])
  const closing = log.close()
  const outcomes = await Promise.all([early, late])
  await closing
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true])
  expect(log.storage.get().state).toBe('closed')
  const isClosed = (error: unknown) => isTidelogError(error, 'tidelog/log-closed')
  await expect(log.append('diary', [note('after')])).rejects.toSatisfy(isClosed)
  await expect(log.read().all()).rejects.toSatisfy(isClosed)
  expect((await rawStore(key, 'writes')).keys.length).toBeGreaterThan(0)
  expect((await openNotes(key).read().all()).events).toHaveLength(2)
})
