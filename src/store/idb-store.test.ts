import 'fake-indexeddb/auto'
import { IDBFactory as FakeFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../core/ports.ts'
import { openIdbStore } from './idb-store.ts'
import { storeContract } from './store.contract.ts'
import { isStoreError, keyPaths, type Request } from './store.ts'

const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}
const open = (name: string, openTimeoutMs?: number) =>
  openIdbStore({
    name,
    newId: () => crypto.randomUUID(),
    clock: systemClock,
    ...(openTimeoutMs === undefined ? {} : { openTimeoutMs }),
  })
const connect = (name: string): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(name)
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
const erase = (name: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const erasing = indexedDB.deleteDatabase(name)
    erasing.onsuccess = () => resolve(undefined)
    erasing.onerror = () => reject(erasing.error)
  })
const row = (revision: number) => ({ kind: 'append', revision, format: 1, commits: '[]' }) as const
const add = (revision: number): Request => ({ op: 'add', store: 'writes', row: row(revision) })

beforeEach(() => {
  globalThis.indexedDB = new FakeFactory()
})

describe('the IndexedDB store', () => {
  for (const { rule, check } of storeContract)
    test(rule, async () => {
      await check(open)
      expect(await indexedDB.databases()).not.toEqual([])
    })

  test('makes version 1 with every object store of the format', async () => {
    await (await open('one')).close()
    const db = await connect('one')
    expect(db.version).toBe(1)
    const stores = db.transaction([...db.objectStoreNames])
    const found = [...db.objectStoreNames].map((name) => [name, stores.objectStore(name).keyPath])
    expect(Object.fromEntries(found)).toEqual(keyPaths)
    db.close()
  })

  test('reads again over a new connection when the browser has closed the old one', async () => {
    const store = await open('one')
    await store.run([add(1)], { write: true })
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction')
    transaction.mockImplementationOnce(function (this: IDBDatabase) {
      this.close()
      throw new DOMException('The database connection is closing.', 'InvalidStateError')
    })
    const [rows] = await store.run([{ op: 'range', store: 'writes' }])
    expect(rows).toEqual([row(1)])
    expect(transaction.mock.calls.length).toBeGreaterThan(1)
    transaction.mockRestore()
    await store.close()
  })

  test('lets a deletion through and tells that the database is another one now', async () => {
    const store = await open('one')
    await store.run([add(1)], { write: true })
    await erase('one')
    await expect(store.run([add(2)], { write: true })).rejects.toSatisfy((error) => isStoreError(error, 'replaced'))
    await expect(store.run([{ op: 'range', store: 'writes' }])).rejects.toSatisfy((error) =>
      isStoreError(error, 'replaced'),
    )
    await store.close()
  })

  test('is lost when opening throws', async () => {
    const refusing = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError')
    })
    await expect(open('one')).rejects.toSatisfy((error) => isStoreError(error, 'lost'))
    refusing.mockRestore()
  })

  test('is lost when there is no IndexedDB at all', async () => {
    vi.stubGlobal('indexedDB', undefined)
    await expect(open('one')).rejects.toSatisfy((error) => isStoreError(error, 'lost'))
    vi.unstubAllGlobals()
  })

  test('is lost when opening does not answer in time', async () => {
    const silent = vi.spyOn(indexedDB, 'open').mockImplementation(() => new IDBOpenDBRequest())
    await expect(open('one', 20)).rejects.toSatisfy((error) => isStoreError(error, 'lost'))
    silent.mockRestore()
  })
})
