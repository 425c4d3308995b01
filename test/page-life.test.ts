// Workers of one browser whose pages are looked at, hidden, frozen and left: which of them talks to the server.
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { MemoryChannels, MemoryLocks, seededRandom, VirtualClock } from 'tidelog/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { workerProtocol } from '../src/protocol/worker.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { Host } from '../worker/host.ts'
import { turns } from './tabs.ts'

interface Worker {
  readonly host: Host
  /** It hears nothing: as good as frozen to the others, though it runs on. */
  isDeaf: boolean
}

let clock: VirtualClock
/** Workers with an open live stream. */
let live: Set<string>
let serve: ReturnType<typeof createSyncHandler>
let workers: Worker[]
let openWorker: (name: string) => Promise<Worker>

beforeEach(() => {
  clock = new VirtualClock()
  live = new Set()
  workers = []
  serve = createSyncHandler({ store: memoryStore(), clock })
  const random = seededRandom(5)
  const locks = new MemoryLocks(clock)
  const channels = new MemoryChannels()
  const database = createMemoryDatabase('db')
  const store = () => openMemoryStore(database, { durable: true })
  openWorker = async (name) => {
    const fetch = async (request: Request): Promise<Response> => {
      if (request.url.includes('/live')) {
        live.add(name)
        request.signal.addEventListener('abort', () => live.delete(name))
      }
      return serve(request)
    }
    const openChannel: typeof channels.open = (channel, hear) =>
      channels.open(channel, (message) => {
        if (!worker.isDeaf) hear(message)
      })
    const openStore = async () => store()
    const ports = { clock, random, locks, fetch, openChannel, openStore, openFallback: store }
    const sync = () => ({ url: 'http://server.test/sync/shop' })
    const worker: Worker = { host: new Host(ports, { sync }), isDeaf: false }
    workers.push(worker)
    const request = { log: 'shop', key: '', durability: 'relaxed', requireDurable: true } as const
    await worker.host.open({ ...request, protocol: workerProtocol, aliveLock: name })
    await pass(100)
    return worker
  }
})
afterEach(async () => {
  serve.stop()
  let isClosed = false
  const closing = Promise.all(workers.map(({ host }) => host.close())).finally(() => {
    isClosed = true
  })
  for (await turns(); !isClosed; await turns()) clock.step()
  await closing
})

async function pass(ms: number): Promise<void> {
  let isOver = false
  clock.after(ms, () => {
    isOver = true
  })
  while (!isOver) {
    await turns()
    clock.step()
  }
  await turns()
}

test('the one whose page is about to be frozen or left hangs up, another goes on at once, and it waits its turn when it is back', async () => {
  const [a, b] = [await openWorker('a'), await openWorker('b')]
  expect([...live]).toEqual(['a'])
  await a.host.setPageLife('hidden')
  await pass(1_000)
  expect([...live]).toEqual(['a'])
  await a.host.setPageLife('suspended')
  await pass(1_000)
  expect([...live]).toEqual(['b'])
  await b.host.setPageLife('suspended')
  await pass(60_000)
  expect([...live]).toEqual([])
  await a.host.setPageLife('visible')
  await pass(1_000)
  expect([...live]).toEqual(['a'])
})

test('one that does not answer is followed by one whose page is looked at, hangs up when it notices, and takes nothing back', async () => {
  const [a, b, c] = [await openWorker('a'), await openWorker('b'), await openWorker('c')]
  for (const { host } of [a, c]) await host.setPageLife('hidden')
  a.isDeaf = true
  await pass(12_000)
  expect([...live]).toEqual(['b'])
  a.isDeaf = false
  await a.host.setPageLife('visible')
  await pass(120_000)
  expect([...live]).toEqual(['b'])
  await b.host.close()
  await pass(5_000)
  expect([...live]).toHaveLength(1)
})

test('one that does not answer keeps the lead while nobody looks at another page', async () => {
  const [a, b] = [await openWorker('a'), await openWorker('b')]
  await b.host.setPageLife('hidden')
  a.isDeaf = true
  await pass(120_000)
  expect([...live]).toEqual(['a'])
  await b.host.setPageLife('visible')
  await pass(12_000)
  expect([...live]).toEqual(['b'])
})
