// What a log does when IndexedDB fails as it fails in the field. Each fault is one of `tidelog/testing`.
import { isTidelogError, unwrap } from 'tidelog'
import { expect, test } from 'vitest'
import { openFaulty } from './faulty.ts'
import { type NotesLog, newKey, note, openNotes, texts } from './notes.ts'
import { rawStore } from './raw.ts'

const isLost = (error: unknown): boolean => isTidelogError(error, 'tidelog/storage-lost')
const textsOf = async (log: NotesLog): Promise<readonly string[]> =>
  (await log.read().all()).events.flatMap((event) => (event.type === 'NoteTaken' ? [event.data.text] : []))
const append = (log: NotesLog, text: string) => log.append('diary', [note(text, { topic: 'one' })])

test('a write that aborts for want of room after its requests succeeded was never acknowledged', async () => {
  const key = newKey()
  const { log, faults, states } = openFaulty(key)
  const view = log.view(texts, { topic: 'one' })
  unwrap(await append(log, 'before'))
  const end = await faults.storage.full()
  for (const text of ['a', 'b', 'c']) {
    const out = await append(log, text)
    expect(out.ok ? undefined : out.reason.type).toBe('StorageFull')
  }
  expect((await faults.storage.struck()).full).toBeGreaterThanOrEqual(3)
  expect(log.storage.get()).toMatchObject({ state: 'full', durable: true, problem: expect.stringContaining('Quota') })
  expect([await textsOf(log), view.get()]).toEqual([['before'], ['before']])
  await end()
  unwrap(await append(log, 'after'))
  await expect.poll(() => log.storage.get()).toEqual({ state: 'ok', durable: true })
  await expect.poll(() => view.get()).toEqual(['before', 'after'])
  expect(states).toEqual(['opening', 'ok', 'full', 'ok'])
  await log.close()
  expect(await textsOf(openNotes(key))).toEqual(['before', 'after'])
})

test.each([{ silent: false }, { silent: true }])(
  'a connection that the browser closes is opened again, and nothing is lost or doubled (%o)',
  async (how) => {
    const key = newKey()
    const { log, faults, states } = openFaulty(key)
    const view = log.view(texts, { topic: 'one' })
    const written: string[] = []
    for (let at = 0; at < 10; at++) {
      const appending = append(log, `${at}`)
      if (at % 3 === 1) await faults.storage.closeConnections(how)
      unwrap(await appending)
      written.push(`${at}`)
    }
    expect((await faults.storage.struck()).closed).toBeGreaterThanOrEqual(3)
    expect(await textsOf(log)).toEqual(written)
    await expect.poll(() => view.get()).toEqual(written)
    expect((await rawStore(key, 'writes')).keys).toEqual(written.map((_, at) => at + 1))
    expect(states).toEqual(['opening', 'ok'])
  },
)

test('an engine that can not open its files three times in a row is asked a fourth time', async () => {
  const key = newKey()
  const { log, faults, states } = openFaulty(key, 'fails/3')
  unwrap(await append(log, 'a'))
  await faults.storage.failOpens(3)
  await faults.storage.closeConnections()
  unwrap(await append(log, 'b'))
  expect((await faults.storage.struck()).failed).toBe(6)
  expect(await textsOf(log)).toEqual(['a', 'b'])
  expect(states).toEqual(['opening', 'ok'])
})

test('storage that fails for longer is told, and the log is what it was when it comes back', async () => {
  const key = newKey()
  const first = openNotes(key)
  unwrap(await append(first, 'a'))
  const { log, states } = openFaulty(key, 'fails/6')
  const view = log.view(texts, { topic: 'one' })
  await log.ready
  expect(log.storage.get()).toMatchObject({
    state: 'memory',
    durable: false,
    problem: expect.stringContaining('Unknown'),
  })
  const out = await append(log, 'b')
  expect(out.ok ? undefined : out.reason.type).toBe('StorageUnavailable')
  await expect.poll(() => log.storage.get(), { timeout: 15_000 }).toEqual({ state: 'ok', durable: true })
  await expect.poll(() => view.get()).toEqual(['a'])
  unwrap(await append(log, 'b'))
  await expect.poll(() => view.get()).toEqual(['a', 'b'])
  expect(await textsOf(first)).toEqual(['a', 'b'])
  expect(states).toEqual(['opening', 'memory', 'ok'])
})

test('storage that does not answer when it is opened is told early, then replaced by memory, and taken back when it answers', async () => {
  const key = newKey()
  unwrap(await append(openNotes(key), 'a'))
  const { log, faults, states } = openFaulty(key, 'hangs')
  await expect
    .poll(() => log.storage.get(), { timeout: 10_000 })
    .toMatchObject({ state: 'opening', problem: expect.stringContaining('has not answered') })
  await expect.poll(() => log.storage.get().state, { timeout: 10_000 }).toBe('memory')
  const view = log.view(texts, { topic: 'one' })
  expect(await view.ready).toEqual([])
  const out = await append(log, 'b')
  expect(out.ok ? undefined : out.reason.type).toBe('StorageUnavailable')
  await faults.restore()
  await expect.poll(() => log.storage.get(), { timeout: 15_000 }).toEqual({ state: 'ok', durable: true })
  unwrap(await append(log, 'b'))
  await expect.poll(() => view.get()).toEqual(['a', 'b'])
  expect(states).toEqual(['opening', 'memory', 'ok'])
  // One request was under way at any time, and no connection of it holds anybody up.
  expect((await faults.storage.struck()).hung).toBe(1)
})

test('storage that stops answering rejects what needs it, and is used again when it answers', async () => {
  const key = newKey()
  const { log, faults } = openFaulty(key)
  unwrap(await append(log, 'a'))
  const end = await faults.storage.hangOpens()
  await faults.storage.closeConnections()
  await expect(append(log, 'b')).rejects.toSatisfy(isLost)
  await expect(log.read().all()).rejects.toSatisfy(isLost)
  expect(log.storage.get()).toMatchObject({ state: 'lost', problem: expect.stringContaining('does not answer') })
  await end()
  unwrap(await append(log, 'c'))
  await expect.poll(() => log.storage.get().state).toBe('ok')
  expect(await textsOf(log)).toEqual(['a', 'c'])
})

test('storage that takes long is told while it does, and what was asked of it is done', async () => {
  const { log, faults } = openFaulty(newKey())
  unwrap(await append(log, 'a'))
  const end = await faults.storage.slow(1_000)
  const appending = append(log, 'b')
  await expect
    .poll(() => log.storage.get())
    .toMatchObject({ state: 'ok', problem: expect.stringContaining('has not answered') })
  unwrap(await appending)
  await end()
  await expect.poll(() => log.storage.get()).toEqual({ state: 'ok', durable: true })
  expect(await textsOf(log)).toEqual(['a', 'b'])
  expect((await faults.storage.struck()).slow).toBeGreaterThan(0)
})
