// What goes on by itself meets storage that fails: sync, sealing, snapshots and checkpoints, over IndexedDB in Node.
import 'fake-indexeddb/auto'
import { IDBFactory as FakeFactory } from 'fake-indexeddb'
import { unwrap } from 'tidelog'
import { createSyncHandler, memoryStore, type SyncHandler } from 'tidelog/server'
import { type Faults, injectFaults, MemoryChannels, MemoryLocks } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogClient } from '../src/client/log-client.ts'
import { browserClock as clock, browserRandom as random } from '../src/platform/browser.ts'
import { type Said, type StorageStatus, workerProtocol } from '../src/protocol/worker.ts'
import { openIdbStore } from '../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { Host } from '../worker/host.ts'
import { shop } from './types/shop.ts'
import { added, created, type ShopLog } from './world.ts'

let faults: Faults
let server: SyncHandler
const openLogs: ShopLog[] = []

beforeEach(() => {
  globalThis.indexedDB = new FakeFactory()
  faults = injectFaults()
  server = createSyncHandler({ model: shop, store: memoryStore() })
})
afterEach(async () => {
  faults.restore()
  await Promise.all(openLogs.splice(0).map((log) => log.close()))
  server.stop()
})

interface Device {
  readonly log: ShopLog
  readonly host: Host
  readonly told: StorageStatus[]
}

const sealing = { from: 10, max: 20, smallMax: 5, keptRows: 0, pruneEvery: 1 }

/** A device; where its storage fails the faults strike, unless it rests `inMemory`. */
function openDevice(name: string, { inMemory = false, isSynced = true } = {}): Device {
  const told: StorageStatus[] = []
  const locks = new MemoryLocks(clock)
  const openChannel = new MemoryChannels().open
  const host = new Host(
    {
      clock,
      random,
      locks,
      openChannel,
      fetch: (request) => server(request),
      openStore: async (_, onDropped) =>
        inMemory
          ? openMemoryStore(createMemoryDatabase(name), { durable: true })
          : openIdbStore({ name, newId: random.newId, clock, ...(onDropped && { onDropped }) }),
      openFallback: () => openMemoryStore(createMemoryDatabase('fallback')),
      tell: (said) => {
        if ('storage' in said) told.push(said.storage)
        tell(said)
      },
    },
    { sealing, ...(isSynced && { sync: () => ({ url: 'http://server.test/sync/shop' }) }) },
  )
  let tell = (_said: Said): void => {}
  const log = createLogClient(shop, `tidelog/${shop.name}`, {
    clock,
    random,
    locks,
    openChannel,
    start: async (hear) => {
      tell = hear
      const opened = await host.open({
        protocol: workerProtocol,
        log: shop.name,
        key: '',
        durability: 'relaxed',
        requireDurable: true,
        aliveLock: random.newId(),
      })
      if (!opened.ok) throw new Error(opened.reason.message)
      return { api: host, opened, end: () => {}, lost: new Promise(() => {}) }
    },
  }) as ShopLog
  openLogs.push(log)
  return { log, host, told }
}

const idsIn = async (log: ShopLog): Promise<readonly string[]> =>
  (await log.read().all()).events.map(({ commitId }) => commitId)

describe('storage that is full', () => {
  test('holds a pull up and breaks nothing: the log is read on, and all of it comes when there is room', async () => {
    const other = openDevice('other', { inMemory: true }).log
    const { log } = openDevice('device')
    const first = unwrap(await log.append([created('c')])).receipt
    await log.whenConfirmed(first)
    log.sync.pause()
    await expect.poll(() => log.sync.get().state).toBe('paused')
    const pending = unwrap(await log.append([added('c', 'mine')])).receipt
    const theirs: string[] = []
    for (let at = 0; at < 20; at++) theirs.push(unwrap(await other.append([added('c', `${at}`)])).receipt.commitId)
    await expect.poll(() => other.sync.get().synced).toBe(true)

    const end = faults.storage.full()
    log.sync.resume()
    await expect.poll(() => log.storage.get().state).toBe('full')
    await expect.poll(() => log.sync.get().state).toBe('waiting')
    expect(await idsIn(log)).toEqual([first.commitId, pending.commitId])
    expect(log.sync.get()).toMatchObject({ synced: false, pending: 1 })
    const refused = await log.append([added('c', 'more')])
    expect(refused.ok ? undefined : refused.reason.type).toBe('StorageFull')
    expect(faults.storage.struck().full).toBeGreaterThan(1)

    end()
    log.sync.now()
    expect((await log.whenConfirmed(pending)).status).toBe('confirmed')
    await expect.poll(() => log.storage.get()).toEqual({ state: 'ok', durable: true })
    const all = await idsIn(log)
    expect([...all].sort()).toEqual([first.commitId, ...theirs, pending.commitId].sort())
    await expect.poll(() => idsIn(other)).toEqual(all)
  })

  test('is not packed, and is when there is room; what could not be kept beside the log is made again', async () => {
    const { log, host } = openDevice('device', { isSynced: false })
    const sealed = async (): Promise<number> => (await host.heads([])).sealed
    const add = async (at: number) => log.append([added('c', `${at}`)])
    for (let at = 0; at < 9; at++) unwrap(await add(at))
    const snapshot = { position: 9, state: '{"state":1}', revision: 9 }
    const end = faults.storage.full()
    await expect(host.putSnapshot('view', snapshot)).rejects.toMatchObject({ name: 'tidelog/storage-lost' })
    await expect(host.keep({ put: [{ chain: 'checkpoint/x', n: 0, value: 1 }] })).rejects.toThrow('Quota')
    expect((await add(9)).ok).toBe(false)
    expect(log.storage.get().state).toBe('full')
    expect([await sealed(), (await idsIn(log)).length]).toEqual([0, 9])
    end()
    await host.putSnapshot('view', snapshot)
    for (let at = 9; at < 30; at++) unwrap(await add(at))
    await expect.poll(sealed).toBeGreaterThan(0)
    expect(await host.getSnapshot('view')).toEqual(snapshot)
    expect((await idsIn(log)).length).toBe(30)
  })

  test('while it packs leaves the log as it was, and packs it later', async () => {
    const { log, host } = openDevice('device', { isSynced: false })
    const sealed = async (): Promise<number> => (await host.heads([])).sealed
    for (let at = 0; at < 9; at++) unwrap(await log.append([added('c', `${at}`)]))
    const before = await idsIn(log)
    // The tenth asks for the packing, which then finds no room.
    const last = log.append([added('c', '9')])
    const end = await last.then(() => faults.storage.full())
    await expect.poll(async () => (await sealed()) > 0 || faults.storage.struck().full > 0).toBe(true)
    expect((await idsIn(log)).slice(0, 9)).toEqual(before)
    end()
    for (let at = 10; at < 40; at++) unwrap(await log.append([added('c', `${at}`)]))
    await expect.poll(sealed).toBeGreaterThan(0)
    const all = await idsIn(log)
    expect([all.length, new Set(all).size]).toEqual([40, 40])
  })
})

describe('storage that is deleted under a log that syncs', () => {
  test('ends in a state that says so without being asked, and the server is told nothing of an empty log', async () => {
    const { log, told } = openDevice('device')
    const { receipt } = unwrap(await log.append([created('c')]))
    await log.whenConfirmed(receipt)
    await new Promise((resolve, reject) => {
      const deleting = indexedDB.deleteDatabase('device')
      deleting.onsuccess = resolve
      deleting.onerror = reject
    })
    await expect
      .poll(() => log.storage.get())
      .toEqual({
        state: 'lost',
        durable: false,
        problem: 'the database was deleted',
      })
    await expect(log.append([added('c', 'i')])).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
    await expect(log.read().all()).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
    expect(told.at(-1)?.state).toBe('lost')
    // Nothing was made in its place.
    expect((await indexedDB.databases()).map(({ name }) => name)).toEqual([])
    const again = openDevice('device').log
    await expect.poll(() => idsIn(again)).toEqual([receipt.commitId])
  })
})
