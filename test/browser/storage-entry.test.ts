// What a page is told of its storage: room, promises of the browser, and what it has taken away.
import { unwrap } from 'tidelog'
import { adopt, signOut } from 'tidelog/replica'
import { detectEviction, estimateStorage, forgetEviction } from 'tidelog/storage'
import { expect, test } from 'vitest'
import { type NotesLog, newKey, note, openNotes } from './notes.ts'
import { deleteDatabase } from './raw.ts'

const one = (text: string) => [note(text, { topic: 'one' })]

test('the room of the origin is told as the browser estimates it', async () => {
  unwrap(await openNotes(newKey()).append('diary', one('a')))
  const { usage = 0, quota = 0, isPersisted } = await estimateStorage()
  expect([usage > 0, quota > usage, isPersisted]).toEqual([true, true, false])
})

test('a browser that tells nothing of its storage is no error', async () => {
  const before = Object.getOwnPropertyDescriptor(Navigator.prototype, 'storage')
  const refuses = { estimate: () => Promise.reject(new TypeError()), persisted: () => Promise.reject(new TypeError()) }
  try {
    for (const value of [undefined, {}, refuses]) {
      Object.defineProperty(Navigator.prototype, 'storage', { value, configurable: true })
      expect(await estimateStorage()).toEqual({})
    }
  } finally {
    if (before) Object.defineProperty(Navigator.prototype, 'storage', before)
  }
})

test('storage that was taken away while the log was closed is told with what was in it, until it is forgotten', async () => {
  const key = newKey()
  const first = openNotes(key, { sync: '/no-such-server' })
  expect(await detectEviction(first)).toBeUndefined()
  for (const text of ['a', 'b']) unwrap(await first.append('diary', one(text)))
  // It is noted within a second what the log holds.
  const remembered = () => JSON.parse(localStorage.getItem(`tidelog/notes/%3A${key}/seen`) ?? '{}')
  await expect.poll(() => remembered().pending, { timeout: 5_000 }).toBe(2)
  await first.close()
  await deleteDatabase(key)

  const second = openNotes(key)
  const evicted = { confirmed: 0, pending: 2, time: expect.stringMatching(/Z$/) }
  expect(await detectEviction(second)).toEqual(evicted)
  unwrap(await second.append('diary', one('c')))
  await expect.poll(() => remembered().confirmed, { timeout: 5_000 }).toBe(1)
  await second.close()

  const third = openNotes(key)
  expect(await detectEviction(third)).toEqual(evicted)
  forgetEviction(third)
  await third.close()
  expect(await detectEviction(openNotes(key))).toBeUndefined()
})

test('a log that stays, an empty one that goes, and one in memory are no eviction', async () => {
  const key = newKey()
  for (const text of ['a', 'b']) {
    const log = openNotes(key)
    expect(await detectEviction(log)).toBeUndefined()
    unwrap(await log.append('diary', one(text)))
    await log.close()
  }
  const inMemory = openNotes(key, {
    worker: () => new Worker(new URL('./workers/no-storage.ts', import.meta.url), { type: 'module', name: 'missing' }),
  })
  expect(await detectEviction(inMemory)).toBeUndefined()
  const other = newKey()
  const empty = openNotes(other)
  expect(await detectEviction(empty)).toBeUndefined()
  await empty.close()
  await deleteDatabase(other)
  expect(await detectEviction(openNotes(other))).toBeUndefined()
})

test('a user who signs out, and a log that goes on in another database, are no eviction', async () => {
  for (const leave of [
    (log: NotesLog) => signOut(log, { unsent: 'wipe' }),
    (log: NotesLog) => adopt(log, { bring: 'nothing' }),
  ]) {
    const key = newKey()
    const [log, other] = [openNotes(key), openNotes(key)]
    for (const one of [log, other]) expect(await detectEviction(one)).toBeUndefined()
    unwrap(await log.append('diary', [note('a')]))
    await leave(log)
    await expect.poll(() => other.storage.get().state).toMatch(/^(moved|signed-out)$/)
    expect(await detectEviction(openNotes(key))).toBeUndefined()
  }
})

test('what forbids to remember is no error', async () => {
  const forbidding = {
    getItem: (): never => {
      throw new DOMException('denied', 'SecurityError')
    },
    setItem: (): never => {
      throw new DOMException('full', 'QuotaExceededError')
    },
  }
  const log = openNotes(newKey())
  unwrap(await log.append('diary', one('a')))
  expect(await detectEviction(log, { memory: forbidding })).toBeUndefined()
  forgetEviction(log, { memory: forbidding })
})
