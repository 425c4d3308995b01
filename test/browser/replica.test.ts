// Databases that end, follow each other and are deleted, as they lie on the disk.

import { unwrap } from 'tidelog'
import { adopt, attach, dropArchive, importFrom, listArchives, signOut } from 'tidelog/replica'
import { afterEach, expect, test, vi } from 'vitest'
import { PageServer } from './boundary-server.ts'
import { type NotesLog, newKey, note, openNotes } from './notes.ts'

const servers: PageServer[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.stop()
})
function newServer(): PageServer {
  const server = new PageServer()
  servers.push(server)
  return server
}
const databases = async (key: string): Promise<readonly string[]> =>
  (await indexedDB.databases()).flatMap(({ name }) => (name?.includes(key) ? [name] : [])).sort()
const textsIn = async (log: NotesLog): Promise<readonly unknown[]> =>
  (await log.read().all()).events.map((one) => (one.type === 'NoteTaken' ? one.data.text : one.type))
const whenSynced = (log: NotesLog) => vi.waitFor(() => expect(log.sync.get()).toMatchObject({ synced: true }), 10_000)
const whenBrought = (log: NotesLog) =>
  vi.waitFor(async () => expect((await listArchives(log)).every(({ isBrought }) => isBrought)).toBe(true), 10_000)

/** A log whose server was swapped: one note was confirmed there, another is pending. */
async function diverge() {
  const key = newKey()
  const first = newServer().openTab(key)
  unwrap(await first.append('diary', [note('confirmed')]))
  await whenSynced(first)
  first.sync.pause()
  await vi.waitFor(() => expect(first.sync.get().state).toBe('paused'), 10_000)
  unwrap(await first.append('diary', [note('pending')]))
  await first.close()
  const server = newServer()
  const log = server.openTab(key)
  await vi.waitFor(() => expect(log.sync.get().state).toBe('diverged'), 10_000)
  return { key, server, log }
}

test('a log goes on in a fresh replica, in every tab, and what was before is an archive until it is dropped', async () => {
  const { key, server, log } = await diverge()
  const other = server.openTab(key)
  await other.ready
  await adopt(log, { bring: 'missing' })
  await vi.waitFor(() => expect(other.storage.get().state).toBe('moved'), 10_000)
  await other.close()
  const next = server.openTab(key)
  await whenBrought(next)
  await whenSynced(next)
  expect(await textsIn(next)).toEqual(['confirmed', 'pending'])
  const [archive] = await listArchives(next)
  expect(archive).toMatchObject({ events: 1, pending: 1 })
  const old = server.openTab(key, { archive: archive?.database ?? '' })
  expect(await textsIn(old)).toEqual(['confirmed', 'pending'])
  await old.close()
  await vi.waitFor(async () => expect(await dropArchive(next, { database: archive?.database ?? '' })).toBe(true))
  await next.close()
  expect(await textsIn(server.openTab(key))).toEqual(['confirmed', 'pending'])
  expect(await databases(key)).toHaveLength(2)
})

test('signing out with `wipe` leaves no database behind, though other tabs have it open', async () => {
  const { key, server, log } = await diverge()
  await adopt(log, { bring: 'nothing' })
  const next = server.openTab(key)
  await whenSynced(next)
  const other = server.openTab(key)
  await other.ready
  expect(await databases(key)).toHaveLength(2)
  expect(await signOut(next, { unsent: 'wipe' })).toMatchObject({ ok: true, isWiped: true })
  await vi.waitFor(() => expect(other.storage.get().state).toBe('signed-out'), 10_000)
  await other.close()
  expect(await databases(key)).toEqual([])
})

test('a deletion that a connection holds up is made up for when the log is opened next', {
  timeout: 30_000,
}, async () => {
  const key = newKey()
  const log = openNotes(key)
  unwrap(await log.append('diary', [note('secret')]))
  const [name = ''] = await databases(key)
  // As a frozen tab: it is asked to close, and does not hear.
  const holding = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(name)
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
  expect(await signOut(log, { unsent: 'wipe' })).toMatchObject({ ok: true, isWiped: false })
  holding.close()
  expect(await textsIn(openNotes(key))).toEqual([])
})

test('a log that had no server is attached to one as it is', async () => {
  const key = newKey()
  const local = openNotes(key)
  for (const text of ['a', 'b']) unwrap(await local.append('diary', [note(text)]))
  const before = (await local.read().all()).events
  await local.close()
  const server = newServer()
  const log = server.openTab(key)
  expect(await attach(log)).toEqual({ ok: true })
  const next = server.openTab(key)
  await whenSynced(next)
  expect((await next.read().all()).events).toEqual(before)
  const elsewhere = server.openTab(newKey())
  await whenSynced(elsewhere)
  expect((await elsewhere.read().all()).events).toEqual(before)
})

test('what was noted before somebody signed in is brought into their log', async () => {
  const anonymous = openNotes(newKey())
  unwrap(await anonymous.append('diary', [note('before')]))
  const mine = newServer().openTab(newKey())
  expect(await importFrom(mine, anonymous)).toEqual({ commits: 1, letters: 0 })
  await whenSynced(mine)
  expect(await textsIn(mine)).toEqual(['before'])
  expect(await textsIn(anonymous)).toEqual(['before'])
})
