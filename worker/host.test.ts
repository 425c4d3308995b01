import { describe, expect, test, vi } from 'vitest'
import { type AppendText, type OpenRequest, type Said, workerProtocol } from '../src/protocol/worker.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import { StoreError } from '../src/store/store.ts'
import { MemoryChannels } from '../src/testing/memory-channels.ts'
import { MemoryLocks } from '../src/testing/memory-locks.ts'
import { seededRandom } from '../src/testing/seeded-random.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { Host } from './host.ts'
import type { HostPorts } from './host-ports.ts'

const request: OpenRequest = {
  protocol: workerProtocol,
  log: 'shop',
  key: '',
  durability: 'relaxed',
  requireDurable: true,
  aliveLock: 'alive',
}
const append = (id: string): AppendText => [
  JSON.stringify({
    id,
    contentId: `${id}/1`,
    time: '2026-01-01T00:00:00.000Z',
    events: [{ type: 'A', stream: 's', data: 1 }],
  }),
  JSON.stringify({ options: {} }),
]
function portsWith(over: Partial<HostPorts> = {}): HostPorts & { readonly clock: VirtualClock } {
  const clock = new VirtualClock()
  const database = createMemoryDatabase('db')
  return {
    random: seededRandom(1),
    locks: new MemoryLocks(clock),
    openChannel: new MemoryChannels().open,
    fetch: async () => new Response(),
    openStore: async () => openMemoryStore(database, { durable: true }),
    openFallback: () => openMemoryStore(createMemoryDatabase('fallback')),
    ...over,
    clock,
  }
}

describe('a host', () => {
  test('without an endpoint is its own sequencer, and finds everything when it is opened again', async () => {
    const ports = portsWith()
    const host = new Host(ports)
    expect(await host.open(request)).toMatchObject({ ok: true, database: 'db', pending: 0, sync: { state: 'off' } })
    expect(await host.append([append('a')])).toMatchObject([{ ok: true, first: 1 }])
    expect(await host.commitState('a')).toEqual({ status: 'confirmed', position: 1 })
    expect(await host.commitState('b')).toEqual({ status: 'unknown' })
    await host.close()
    expect(await new Host(ports).open(request)).toMatchObject({ ok: true, head: { revision: 1, confirmed: 1 } })
  })

  test('prunes rows when it is opened alone, one of so many openings', async () => {
    const { random, ...ports } = portsWith()
    const sealing = { from: 1, max: 9, smallMax: 3, keptRows: 0, pruneEvery: 16 }
    const openWith = async (fraction: number): Promise<Host> => {
      const host = new Host({ ...ports, random: { ...random, fraction: () => fraction } }, { sealing })
      await host.open(request)
      return host
    }
    const oldest = async (): Promise<number | undefined> => {
      const [rows] = await (await ports.openStore('')).run([{ op: 'range', store: 'writes', limit: 1 }])
      return rows[0]?.revision
    }
    const host = await openWith(0.99)
    for (const id of ['a', 'b', 'c', 'd']) await host.append([append(id)])
    // Sealing goes on beside it.
    await vi.waitFor(async () => expect((await host.read({ options: {} })).head.revision).toBeGreaterThan(4), 10_000)
    await host.close()
    await (await openWith(1 / 16)).close()
    expect(await oldest()).toBe(1)
    await (await openWith(0.99 / 16)).close()
    expect(await oldest()).toBeGreaterThan(1)
    const { head } = await (await openWith(0)).read({ options: {} })
    expect(head.confirmed).toBe(4)
  })

  test('opens one log, however often it is asked', async () => {
    let opened = 0
    const ports = portsWith()
    const openStore = (name: string) => {
      opened += 1
      return ports.openStore(name)
    }
    const host = new Host({ ...ports, openStore })
    await Promise.all([host.open(request), host.open(request)])
    expect(opened).toBe(1)
  })

  test('refuses a page that speaks another version', async () => {
    const answer = await new Host(portsWith()).open({ ...request, protocol: workerProtocol + 1 })
    expect(answer).toMatchObject({ ok: false, reason: { type: 'ProtocolMismatch' } })
  })

  test('refuses calls before it is open', async () => {
    await expect(new Host(portsWith()).heads([])).rejects.toThrow('not open')
  })

  const lost = async (): Promise<never> => {
    throw new StoreError('lost', 'no storage here')
  }

  test('that gets no storage says so, and refuses appends that must be durable', async () => {
    const host = new Host(portsWith({ openStore: lost }))
    const storage = { state: 'memory', durable: false, problem: 'no storage here' }
    expect(await host.open(request)).toMatchObject({ ok: true, database: 'fallback', storage })
    expect(await host.append([append('a')])).toMatchObject([{ ok: false, reason: { type: 'StorageUnavailable' } }])
  })

  /** Storage that is there from the second try on. */
  const late = () => {
    const said: Said[] = []
    const database = createMemoryDatabase('db')
    const tries = { count: 0 }
    const ports = portsWith({
      openStore: async () => {
        tries.count += 1
        return tries.count < 3 ? lost() : openMemoryStore(database, { durable: true })
      },
      tell: (one) => said.push(one),
    })
    return { ports, said, tries }
  }

  test('takes storage up when it is given after all, and says where the log rests then', async () => {
    const { ports, said, tries } = late()
    const host = new Host(ports)
    expect(await host.open(request)).toMatchObject({ database: 'fallback', storage: { state: 'memory' } })
    await ports.clock.pass(2_100)
    expect([tries.count, said.some((one) => 'opened' in one)]).toEqual([2, false])
    await ports.clock.pass(4_000)
    const rests = { ok: true, database: 'db', storage: { state: 'ok', durable: true } }
    expect(said.filter((one) => 'opened' in one)).toMatchObject([{ opened: rests }])
    expect(await host.open(request)).toMatchObject(rests)
    expect(await host.append([append('a')])).toMatchObject([{ ok: true, durable: true }])
    await ports.clock.pass(600_000)
    expect(tries.count).toBe(3)
    await host.close()
    expect(ports.clock.step()).toBe(false)
  })

  test.each([{ requireDurable: false }, { isClosed: true }])(
    'leaves storage that comes late alone where memory holds what was acknowledged, and when it is closed (%o)',
    async ({ requireDurable = true, isClosed = false }) => {
      const { ports, tries } = late()
      const host = new Host(ports)
      await host.open({ ...request, requireDurable })
      if (isClosed) await host.close()
      await ports.clock.pass(600_000)
      expect(tries.count).toBe(1)
      if (isClosed) return
      expect(await host.append([append('a')])).toMatchObject([{ ok: true, durable: false }])
      await host.close()
    },
  )

  test('of a database that a newer app has made its own is not opened at all', async () => {
    const openStore = async (): Promise<never> => {
      throw new StoreError('newer', 'version 2')
    }
    await expect(new Host(portsWith({ openStore })).open(request)).rejects.toMatchObject({
      name: 'tidelog/storage-lost',
      message: 'version 2',
    })
  })

  test('that gets no storage keeps appends in memory when the app allows it', async () => {
    const host = new Host(portsWith({ openStore: lost }))
    await host.open({ ...request, requireDurable: false })
    expect(await host.append([append('a')])).toMatchObject([{ ok: true, durable: false }])
  })

  test('of a database that a newer app has written to opens for reading', async () => {
    const database = createMemoryDatabase('db')
    const store = openMemoryStore(database, { durable: true })
    const row = { kind: 'append', revision: 1, format: 2, commits: '[]' } as unknown as {
      kind: 'append'
      revision: 1
      format: 1
      commits: string
    }
    await store.run([{ op: 'add', store: 'writes', row }], { write: true })
    const host = new Host(portsWith({ openStore: async () => store }))
    expect(await host.open(request)).toMatchObject({ ok: true, storage: { state: 'needs-newer-app' } })
    expect(await host.append([append('a')])).toMatchObject([{ ok: false, reason: { type: 'UpdateNeeded' } }])
  })

  test('of a log that has moved says where to', async () => {
    const store = openMemoryStore(createMemoryDatabase('db'), { durable: true })
    const row = { kind: 'moved', revision: 1, format: 1, to: 'shop-2' } as const
    await store.run([{ op: 'add', store: 'writes', row }], { write: true })
    const opening = new Host(portsWith({ openStore: async () => store })).open(request)
    await expect(opening).rejects.toMatchObject({
      code: 'tidelog/log-moved',
      message: expect.stringContaining('shop-2'),
    })
  })

  test('looks at the tail now and then, in case a notice was lost, and no more once it is closed', async () => {
    const ports = portsWith()
    const deaf = portsWith().openChannel
    const [writer, reader] = [new Host(ports), new Host({ ...ports, openChannel: deaf })]
    const moved: unknown[] = []
    deaf('tidelog/v1/tidelog/shop', (message) => moved.push(message))
    await writer.open(request)
    await reader.open(request)
    const start = ports.clock.now()
    await writer.append([append('a')])
    while (ports.clock.now() - start <= 60_000) ports.clock.step()
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(moved).toMatchObject([{ kind: 'moved', head: 1 }])
    await Promise.all([writer.close(), reader.close()])
    expect(ports.clock.step()).toBe(false)
  })
})
