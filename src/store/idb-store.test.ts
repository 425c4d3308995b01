import 'fake-indexeddb/auto'
import { IDBFactory as FakeFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../core/ports.ts'
import { type Faults, injectFaults } from '../testing/faults/inject.ts'
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

  test('is silent when opening does not answer in time', async () => {
    const silent = vi.spyOn(indexedDB, 'open').mockImplementation(() => new IDBOpenDBRequest())
    await expect(open('silent', 20)).rejects.toSatisfy((error) => isStoreError(error, 'silent'))
    silent.mockRestore()
  })
})

describe('storage that fails', () => {
  let faults: Faults
  beforeEach(() => {
    faults = injectFaults()
  })
  afterEach(() => faults.restore())
  const hasty: Clock = { now: () => Date.now(), after: (ms, callback) => systemClock.after(ms / 50, callback) }
  const openHasty = (name: string) => openIdbStore({ name, newId: () => crypto.randomUUID(), clock: hasty })
  const read: Request = { op: 'range', store: 'writes' }

  test.each(['UnknownError', 'AbortError'])('to open its files is asked four times (%s)', async (name) => {
    faults.storage.failOpens(3, name)
    const store = await openHasty('one')
    expect((await store.run([add(1)], { write: true })).length).toBe(1)
    await store.close()
    faults.storage.failOpens(4, name)
    await expect(openHasty('one')).rejects.toSatisfy((error) => isStoreError(error, 'lost'))
    expect(faults.storage.struck().failed).toBe(7)
  })

  test('to answer an open is not asked another time: who comes next gets that answer', async () => {
    const end = faults.storage.hangOpens()
    await expect(openHasty('one')).rejects.toSatisfy((error) => isStoreError(error, 'silent'))
    const next = openHasty('one')
    end()
    const store = await next
    expect(await store.run([add(1)], { write: true })).toHaveLength(1)
    expect(faults.storage.struck().hung).toBe(1)
    await store.close()
  })

  test('to answer an open for twice as long is asked anew, and what it answers late is closed', async () => {
    const end = faults.storage.hangOpens()
    for (let time = 0; time < 2; time++)
      await expect(openHasty('one')).rejects.toSatisfy((error) => isStoreError(error, 'silent'))
    const next = openHasty('one')
    expect(faults.storage.struck().hung).toBe(2)
    end()
    const store = await next
    await store.close()
    await erase('one')
  })

  test('to answer in time leaves no connection that holds up a deletion', async () => {
    const end = faults.storage.hangOpens()
    await expect(openHasty('one')).rejects.toSatisfy((error) => isStoreError(error, 'silent'))
    end()
    await erase('one')
    const store = await openHasty('one')
    expect(await store.run([read])).toEqual([[]])
    await store.close()
  })

  test.each([{ silent: true }, { silent: false }])('by closing its connections is opened again (%o)', async (how) => {
    let dropped = 0
    const onDropped = (): unknown => dropped++
    const store = await openIdbStore({ name: 'one', newId: () => crypto.randomUUID(), clock: hasty, onDropped })
    for (let revision = 1; revision < 4; revision++) {
      await store.run([add(revision)], { write: true })
      faults.storage.closeConnections(how)
    }
    expect(await store.run([read])).toEqual([[row(1), row(2), row(3)]])
    expect([faults.storage.struck().closed, dropped]).toEqual([3, how.silent ? 0 : 3])
    await store.close()
  })

  test('by closing its connections after it was deleted is not made anew', async () => {
    const store = await openHasty('one')
    await store.run([add(1)], { write: true })
    // Nobody tells it that the database goes.
    faults.storage.closeConnections({ silent: true })
    await erase('one')
    for (let time = 0; time < 2; time++)
      await expect(store.run([read])).rejects.toSatisfy((error) => isStoreError(error, 'replaced'))
    expect(await indexedDB.databases()).toEqual([])
    await store.close()
  })

  const isReplaced = (error: unknown): boolean => isStoreError(error, 'replaced')
  test.each(['gone', 'another one'])(
    'by leaving what is under way without an answer ends it when the database is %s',
    async (now) => {
      const timers = new Set<object>()
      const after: Clock['after'] = (ms, callback) => {
        const timer = {}
        timers.add(timer)
        const forget = (): unknown => timers.delete(timer)
        const callOff = hasty.after(ms, () => forget() && callback())
        return () => forget() && callOff()
      }
      const newId = () => crypto.randomUUID()
      const store = await openIdbStore({ name: 'one', newId, clock: { now: hasty.now, after } })
      await store.run([add(1)], { write: true })
      const end = faults.storage.loseAnswers()
      const under = [store.run([add(2)], { write: true }), store.run([read])]
      faults.storage.closeConnections({ silent: true })
      await erase('one')
      end()
      const other = now === 'gone' ? undefined : await openHasty('one')
      for (const one of under) await expect(one).rejects.toSatisfy(isReplaced)
      expect(faults.storage.struck().unanswered).toBe(2)
      await expect(store.run([read])).rejects.toSatisfy(isReplaced)
      await store.close()
      await other?.close()
      expect(timers.size).toBe(0)
    },
  )

  test('by answering late is waited for while the database is there', async () => {
    const store = await openHasty('one')
    faults.storage.slow(350)
    const under = [store.run([add(1)], { write: true }), store.run([read])]
    const [, rows] = await Promise.all(under)
    expect(rows).toEqual([[row(1)]])
    await store.close()
    // What looked after it has let go of it.
    await erase('one')
  })

  test('by not saying which database it is does not open', async () => {
    const end = faults.storage.loseAnswers()
    await expect(openHasty('one')).rejects.toSatisfy((error) => isStoreError(error, 'silent'))
    end()
    await erase('one')
  })

  test('by a deletion that somebody holds up is gone at once', async () => {
    let dropped = (): void => {}
    const told = new Promise<void>((resolve) => {
      dropped = resolve
    })
    const newId = () => crypto.randomUUID()
    const store = await openIdbStore({ name: 'one', newId, clock: hasty, onDropped: () => dropped() })
    const holding = await connect('one')
    const erased = erase('one')
    await told
    await expect(store.run([read])).rejects.toSatisfy((error) => isStoreError(error, 'replaced'))
    holding.close()
    await erased
    await store.close()
  })

  test('by another version is of a newer app', async () => {
    const store = await openHasty('one')
    const upgraded = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open('one', 2)
      opening.onsuccess = () => resolve(opening.result)
      opening.onerror = opening.onblocked = () => reject(opening.error)
    })
    await expect(store.run([read])).rejects.toSatisfy((error) => isStoreError(error, 'newer'))
    upgraded.close()
    await store.close()
  })

  test('by a full disk keeps nothing of the transaction, whose requests had succeeded', async () => {
    const store = await openHasty('one')
    const end = faults.storage.full()
    await expect(store.run([add(1), add(2)], { write: true })).rejects.toSatisfy((error) => isStoreError(error, 'full'))
    expect(await store.run([read])).toEqual([[]])
    end()
    await store.run([add(1)], { write: true })
    expect(faults.storage.struck().full).toBe(1)
    await store.close()
  })
})
