// Storage that is full, gone, forbidden or newer than this code. Nothing here may hang, and nothing may be lost silently.
import type {} from '@vitest/browser-playwright'
import { isTidelogError, unwrap } from 'tidelog'
import { expect, onTestFinished, test } from 'vitest'
import { cdp } from 'vitest/browser'
import { openFaulty } from './faulty.ts'
import { type NotesLog, newKey, note, openNotes, texts } from './notes.ts'
import { connect, databaseOf, deleteDatabase, listen, rawDatabase, rawPut, rawStore } from './raw.ts'
import * as spy from './spy.ts'

const setQuota = async (quotaSize?: number): Promise<void> => {
  const origin = location.origin
  await cdp().send('Storage.overrideQuotaForOrigin', quotaSize === undefined ? { origin } : { origin, quotaSize })
}

const lost = { state: 'lost', durable: false }
const isLost = (error: unknown): boolean => isTidelogError(error, 'tidelog/storage-lost')

/** Text that does not compress, so that it takes the room it seems to take. */
const noise = (length: number): string => {
  let text = ''
  while (text.length < length)
    for (const value of crypto.getRandomValues(new Uint16Array(10_000)))
      text += String.fromCharCode(0x4e00 + (value % 20_000))
  return text.slice(0, length)
}

test('a full disk is an outcome: every append that resolved is there, every refused one is not', async () => {
  const key = newKey()
  // Chromium remembers for half a minute how much room there was; that goes with the storage.
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' })
  onTestFinished(() => setQuota())
  // LevelDB on a disk counts the 8 MB that make room for the first write (src/store/torn-tail.ts).
  await setQuota(12_000_000)
  const aborts = new BroadcastChannel(`aborts/${key}`)
  const succeeded: number[] = []
  aborts.onmessage = ({ data }) => succeeded.push(data)
  const worker = () => new Worker(new URL('./workers/aborts.ts', import.meta.url), { type: 'module', name: key })
  const log = openNotes(key, { worker })
  unwrap(await log.append('diary', [note('before')]))
  const { heard, stop } = await listen(key)
  const kept = ['before']
  const refused: string[] = []
  for (let at = 0; refused.length < 3 && at < 50; at++) {
    const out = await log.append('diary', [note(`${at}`), note(noise(250_000))])
    if (out.ok) kept.push(`${at}`)
    else {
      expect(out.reason.type).toBe('StorageFull')
      refused.push(`${at}`)
    }
  }
  expect([kept.length > 1, refused.length]).toEqual([true, 3])
  expect(log.storage.get().state).toBe('full')
  // What makes `success` worthless: requests succeeded, and their transaction aborted.
  expect(succeeded.some((count) => count > 0)).toBe(true)
  aborts.close()
  // A notice goes out when a transaction is complete, so none tells of what was refused.
  const { keys } = await rawStore(key, 'writes')
  expect(heard.flatMap(({ kind, head }) => (kind === 'moved' ? [head] : []))).toEqual(keys.slice(1))
  stop()
  const textsOf = async (one = log) =>
    (await one.read().all()).events.flatMap(({ data }) =>
      typeof data === 'object' && data !== null && 'text' in data && data.text.length < 10 ? [data.text] : [],
    )
  expect(await textsOf()).toEqual(kept)
  await setQuota()
  unwrap(await log.append('diary', [note('after')]))
  expect(log.storage.get().state).toBe('ok')
  await log.close()
  expect(await textsOf(openNotes(key))).toEqual([...kept, 'after'])
  expect((await rawStore(key, 'writes')).keys).toEqual([...kept, 'after'].map((_, at) => at + 1))
})

test('durability is asked for per append and per log', async () => {
  // Databases of their own: who loses a race writes twice.
  const tab = new spy.SpiedTab(newKey())
  const strict = new spy.SpiedTab(newKey(), { durability: 'strict' })
  // What is written first makes room for what follows (src/store/torn-tail.ts).
  for (const { log } of [tab, strict]) unwrap(await log.append('diary', [note('first')]))
  const durabilities = async (one = tab) => {
    await one.order({ kind: 'deaf', isDeaf: false })
    return one.said
      .splice(0)
      .flatMap((said) => (said.kind === 'transaction' && said.what === spy.append ? [said.durability] : []))
  }
  await durabilities()
  await durabilities(strict)
  unwrap(await tab.log.append('diary', [note('a')]))
  unwrap(await tab.log.append('diary', [note('b')], { durability: 'strict' }))
  await Promise.all([tab.log.append('x', [note('c')]), tab.log.append('y', [note('d')], { durability: 'strict' })])
  expect(await durabilities()).toEqual(['relaxed', 'strict', 'strict'])
  unwrap(await strict.log.append('diary', [note('e')]))
  unwrap(await strict.log.append('diary', [note('f')], { durability: 'relaxed' }))
  expect(await durabilities(strict)).toEqual(['strict', 'relaxed'])
})

test('a database that is deleted under an open log ends in a typed rejection, and a log opened later starts anew', async () => {
  const key = newKey()
  const log = openNotes(key)
  unwrap(await log.append('diary', [note('a', { topic: 'one' })]))
  const view = log.view(texts, { topic: 'one' })
  await view.ready
  await deleteDatabase(key)
  await expect.poll(() => log.storage.get()).toEqual({ ...lost, problem: 'the database was deleted' })
  await expect(log.append('diary', [note('b')])).rejects.toSatisfy(isLost)
  await expect(log.read().all()).rejects.toSatisfy(isLost)
  // What was shown stays shown.
  expect(view.get()).toEqual(['a'])
  // Nothing empty was made in its place.
  await expect(databaseOf(key)).rejects.toThrow('0 databases')
  await log.close()
  const fresh = openNotes(key)
  expect((await fresh.read().all()).events).toEqual([])
  unwrap(await fresh.append('diary', [note('c')], { expectedVersion: 0 }))
})

test('storage that is cleared under an open log is told, although its connection was closed without a word', async () => {
  const key = newKey()
  const log = openNotes(key)
  unwrap(await log.append('diary', [note('a')]))
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' })
  await expect.poll(() => log.storage.get()).toEqual({ ...lost, problem: 'the database was deleted' })
  await expect(log.append('diary', [note('b')])).rejects.toSatisfy(isLost)
})

test('storage that is cleared while logs write to it is told, and no call and no close goes without an end', async () => {
  const logs = Array.from({ length: 6 }, () => openNotes(newKey()))
  await Promise.all(logs.map(async (log) => unwrap(await log.append('diary', [note('first')]))))
  const untilItFails = async (log: NotesLog): Promise<unknown> => {
    try {
      for (;;) unwrap(await log.append('diary', [note('more'), note('x'.repeat(20_000))]))
    } catch (error) {
      return error
    }
  }
  const failures = logs.map(untilItFails)
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' })
  expect((await Promise.all(failures)).map(isLost)).toEqual(logs.map(() => true))
  for (const log of logs) expect(log.storage.get()).toEqual({ ...lost, problem: 'the database was deleted' })
  await Promise.all(logs.map((log) => log.close()))
}, 60_000)

test('a worker that dies with its database does not go on with an empty one', async () => {
  const key = newKey()
  const { log, workers } = openFaulty(key)
  unwrap(await log.append('diary', [note('a')]))
  const undo = workers.freeze()
  workers.terminate()
  await deleteDatabase(key)
  undo()
  await expect(log.append('diary', [note('b')])).rejects.toSatisfy(isLost)
  expect(log.storage.get()).toMatchObject({ ...lost, problem: expect.stringContaining('replaced') })
})

test('a newer app that raises the version is let through, and the log says that it is lost to this one', async () => {
  const key = newKey()
  const log = openNotes(key)
  unwrap(await log.append('diary', [note('a')]))
  const name = await databaseOf(key)
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(name, 2)
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = opening.onblocked = () => reject(opening.error ?? new Error('blocked'))
  })
  db.close()
  const before = await rawDatabase(key)
  await expect.poll(() => log.storage.get()).toMatchObject({ ...lost, problem: expect.stringContaining('Version') })
  const late = openNotes(key)
  for (const one of [log, late]) await expect(one.append('diary', [note('b')])).rejects.toSatisfy(isLost)
  expect(late.storage.get()).toMatchObject({ ...lost, problem: expect.stringContaining('Version') })
  expect(await rawDatabase(key)).toEqual(before)
})

test('a log behind a deletion that somebody holds up says so, and opens when it is let go', async () => {
  const key = newKey()
  const first = openNotes(key)
  unwrap(await first.append('diary', [note('a')]))
  await first.close()
  // Whoever holds the database open holds the deletion up, and with it every open behind it.
  const holding = await connect(key)
  const deleted = deleteDatabase(key)
  const { log, states } = openFaulty(key)
  await expect
    .poll(() => log.storage.get(), { timeout: 10_000 })
    .toMatchObject({ state: 'opening', problem: expect.stringContaining('has not answered') })
  await expect.poll(() => log.storage.get().state, { timeout: 10_000 }).toBe('memory')
  holding.close()
  await deleted
  await expect.poll(() => log.storage.get(), { timeout: 10_000 }).toEqual({ state: 'ok', durable: true })
  unwrap(await log.append('diary', [note('b')], { expectedVersion: 0 }))
  expect(states).toEqual(['opening', 'memory', 'ok'])
})

type Without = (typeof without)[number]
const without = ['missing', 'getter throws', 'throws', 'refuses', 'silent'] as const
const stub = (how: Without) => () =>
  new Worker(new URL('./workers/no-storage.ts', import.meta.url), { type: 'module', name: how })

test.each(without)(
  'without storage (IndexedDB %s) an append is refused, or kept in memory where the app allows it',
  async (how) => {
    const strict = openNotes(newKey(), { worker: stub(how) })
    const refused = await strict.append('diary', [note('a')])
    expect(refused.ok ? undefined : refused.reason.type).toBe('StorageUnavailable')
    expect(strict.storage.get()).toMatchObject({ state: 'memory', durable: false, problem: expect.any(String) })
    const loose = openNotes(newKey(), { worker: stub(how), requireDurable: false })
    const kept = unwrap(await loose.append('diary', [note('a')]))
    expect(kept.receipt.durable).toBe(false)
    expect((await loose.read().all()).events).toEqual(kept.events)
  },
)

test('a row of a newer format makes the log read-only, also for tabs that are open, and harms nothing', async () => {
  const key = newKey()
  const open = openNotes(key)
  const first = unwrap(await open.append('diary', [note('a')]))
  await rawPut(key, 'writes', { revision: 2, kind: 'append', format: 2, packed: 'of the future' })
  const before = await rawDatabase(key)
  const late = openNotes(key)
  for (const log of [open, late]) {
    const refused = await log.append('diary', [note('b')])
    expect(refused.ok ? undefined : refused.reason.type).toBe('UpdateNeeded')
    expect((await log.read().all()).events).toEqual(first.events)
    expect(log.storage.get().state).toBe('needs-newer-app')
  }
  expect(await rawDatabase(key)).toEqual(before)
})

test('a log that has moved to another database takes nothing more', async () => {
  const key = newKey()
  const open = openNotes(key)
  unwrap(await open.append('diary', [note('a')]))
  await rawPut(key, 'writes', { revision: 2, kind: 'moved', format: 1, to: 'elsewhere' })
  const before = await rawDatabase(key)
  await expect(open.append('diary', [note('b')])).rejects.toSatisfy((error) =>
    isTidelogError(error, 'tidelog/log-moved'),
  )
  expect(await rawDatabase(key)).toEqual(before)
  await expect(openNotes(key).append('diary', [note('c')])).rejects.toSatisfy((error) => isTidelogError(error))
  expect(await rawDatabase(key)).toEqual(before)
})

const oldApp = () => new Worker(new URL('./workers/old-app.ts', import.meta.url), { type: 'module' })

test('an older app beside a newer one goes on reading, refuses to write, and after its update has everything', async () => {
  const key = newKey()
  const old = openNotes(key, { worker: oldApp })
  const young = openNotes(key)
  const view = old.view(texts, { topic: 'one' })
  const one = (text: string) => note(text, { topic: 'one' })
  unwrap(await old.append('diary', [one('old')]))
  unwrap(await young.append('diary', [one('young')]))
  await expect.poll(() => view.get()).toEqual(['old', 'young'])
  // Text that only the newer one can read.
  unwrap(await young.append('diary', [one('future')]))
  await expect.poll(() => old.storage.get().state, { timeout: 10_000 }).toBe('needs-newer-app')
  const refused = await old.append('diary', [one('lost?')])
  expect(refused.ok ? undefined : refused.reason.type).toBe('UpdateNeeded')
  expect(view.get()).toEqual(['old', 'young'])
  expect((await old.read().all()).events).toHaveLength(2)
  unwrap(await young.append('diary', [one('still here')]))
  await old.close()
  const updated = openNotes(key)
  unwrap(await updated.append('diary', [one('updated')]))
  const all = ['old', 'young', 'future', 'still here', 'updated']
  expect(await updated.view(texts, { topic: 'one' }).ready).toEqual(all)
  expect(await young.view(texts, { topic: 'one' }).ready).toEqual(all)
  expect(updated.storage.get()).toEqual({ state: 'ok', durable: true })
})
