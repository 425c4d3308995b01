import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Faults, injectFaults } from './inject.ts'

let faults: Faults
beforeEach(() => {
  faults = injectFaults()
})
afterEach(() => faults.restore())

const open = (name: string): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(name)
    opening.onupgradeneeded = () => opening.result.createObjectStore('rows')
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
/** What is heard of a write of two rows, in its order. */
const write = (db: IDBDatabase): Promise<readonly string[]> =>
  new Promise((resolve) => {
    const heard: string[] = []
    const transaction = db.transaction('rows', 'readwrite')
    for (const key of [1, 2]) {
      const putting = transaction.objectStore('rows').put('row', key)
      putting.onsuccess = () => heard.push('success')
      putting.onerror = () => heard.push('error')
    }
    transaction.oncomplete = () => resolve([...heard, 'complete'])
    transaction.onabort = () => resolve([...heard, `abort ${transaction.error?.name}`])
    transaction.commit()
  })

describe('faults of storage', () => {
  test('a full disk aborts a write after its requests succeeded, and a read not at all', async () => {
    const db = await open('full')
    const end = faults.storage.full()
    expect(await write(db)).toEqual(['success', 'success', 'abort QuotaExceededError'])
    const reading = db.transaction('rows').objectStore('rows').count()
    await new Promise((resolve) => {
      reading.onsuccess = resolve
    })
    expect(reading.result).toBe(0)
    end()
    expect(await write(db)).toEqual(['success', 'success', 'complete'])
    expect(faults.storage.struck()).toEqual({ full: 1, closed: 0, failed: 0, hung: 0, unanswered: 0, slow: 0 })
    db.close()
  })

  test('a slow transaction ends no sooner, and as it would have', async () => {
    const db = await open('slow')
    faults.storage.slow(120)
    const start = performance.now()
    expect(await write(db)).toEqual(['success', 'success', 'complete'])
    expect(performance.now() - start).toBeGreaterThanOrEqual(119)
    db.close()
  })

  test('opens fail so many times by the name that is asked for, then no more', async () => {
    faults.storage.failOpens(2, 'AbortError')
    for (let time = 0; time < 2; time++) await expect(open('fails')).rejects.toMatchObject({ name: 'AbortError' })
    ;(await open('fails')).close()
    expect(() => faults.storage.failOpens(0)).toThrow('a number of opens')
  })

  test('opens that hang answer when the fault is undone, one that makes the database too', async () => {
    const end = faults.storage.hangOpens()
    let isOpen = false
    const opening = open('hangs').then((db) => {
      isOpen = true
      return db
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isOpen).toBe(false)
    end()
    const db = await opening
    expect([...db.objectStoreNames]).toEqual(['rows'])
    db.close()
  })

  test('connections are closed with or without a word', async () => {
    for (const silent of [true, false]) {
      const db = await open('closes')
      let told = 0
      db.onclose = () => {
        told += 1
      }
      faults.storage.closeConnections({ silent })
      expect(() => db.transaction('rows')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
      expect(told).toBe(silent ? 0 : 1)
    }
    faults.storage.closeConnections()
    expect(faults.storage.struck().closed).toBe(2)
  })
})

describe('faults of notices', () => {
  /** What is heard of so many messages. */
  async function hear(count: number): Promise<readonly number[]> {
    const name = `notices ${Math.random()}`
    const [from, to] = [new BroadcastChannel(name), new BroadcastChannel(name)]
    const heard: number[] = []
    const ended = new Promise<void>((resolve) => {
      to.onmessage = ({ data }) => (data === 'end' ? resolve() : heard.push(data))
    })
    for (let nth = 0; nth < count; nth++) from.postMessage(nth)
    faults.restore()
    from.postMessage('end')
    await ended
    for (const channel of [from, to]) channel.close()
    return heard
  }

  test('lose, double and reorder what is said', async () => {
    faults.notices.drop()
    expect(await hear(5)).toEqual([])
    faults = injectFaults()
    faults.notices.double()
    expect(await hear(3)).toEqual([0, 0, 1, 1, 2, 2])
    faults = injectFaults()
    faults.notices.reorder()
    expect(await hear(5)).toEqual([1, 0, 3, 2, 4])
  })

  test('strike a share of them, the same ones for the same seed', async () => {
    const heard: (readonly number[])[] = []
    for (const seed of [1, 1, 2]) {
      faults.restore()
      faults = injectFaults(globalThis, { seed })
      faults.notices.drop(0.5)
      heard.push(await hear(100))
    }
    expect(heard[0]).toEqual(heard[1])
    expect(heard[0]).not.toEqual(heard[2])
    expect(heard[0]?.length).toBeGreaterThan(20)
    expect(heard[0]?.length).toBeLessThan(80)
  })
})

test('a clock that jumps is set for all that ask it, and back again', () => {
  const before = Date.now()
  const back = faults.clock.jump(-86_400_000)
  expect(Math.abs(Date.now() - before + 86_400_000)).toBeLessThan(10_000)
  const date = new Date()
  expect(Math.abs(date.getTime() - Date.now())).toBeLessThan(10_000)
  expect(new Date(5).getTime()).toBe(5)
  expect(new Date() instanceof Date).toBe(true)
  back()
  back()
  expect(Math.abs(Date.now() - before)).toBeLessThan(10_000)
})
