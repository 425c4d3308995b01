// Storage that is full, gone, forbidden or newer than this code. Nothing here may hang, and nothing may be lost silently.
import type {} from '@vitest/browser-playwright'
import { isTidelogError, unwrap } from 'tidelog'
import { expect, onTestFinished, test } from 'vitest'
import { cdp } from 'vitest/browser'
import { newKey, note, openNotes } from './notes.ts'
import { deleteDatabase, listen, rawDatabase, rawPut, rawStore } from './raw.ts'
import * as spy from './spy.ts'

const setQuota = async (quotaSize?: number): Promise<void> => {
  const origin = location.origin
  await cdp().send('Storage.overrideQuotaForOrigin', quotaSize === undefined ? { origin } : { origin, quotaSize })
}

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
  // LevelDB counts what makes room for the first write (src/store/torn-tail.ts).
  await setQuota(15_000_000)
  const log = openNotes(key)
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
  unwrap(await log.append('diary', [note('a')]))
  await deleteDatabase(key)
  const isLost = (error: unknown) => isTidelogError(error, 'tidelog/storage-lost')
  await expect(log.append('diary', [note('b')])).rejects.toSatisfy(isLost)
  await expect(log.read().all()).rejects.toSatisfy(isLost)
  await log.close()
  const fresh = openNotes(key)
  expect((await fresh.read().all()).events).toEqual([])
  unwrap(await fresh.append('diary', [note('c')], { expectedVersion: 0 }))
})

const stub = (how: 'missing' | 'throws' | 'refuses' | 'silent') => () =>
  new Worker(new URL('./workers/no-storage.ts', import.meta.url), { type: 'module', name: how })

test.each(['missing', 'throws', 'refuses', 'silent'] as const)(
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
