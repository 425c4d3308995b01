import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pullRequest, pushRequest, runOf } from '../../server/handler.fixture.ts'
import { createSyncHandler } from '../../server/handler.ts'
import { type NatsStoreOptions, natsStore } from '../../server/nats.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import { type NatsCluster, startNats, withNats } from './nats-cluster.ts'
import { append, commitsOf, idsOf, log, wide } from './stores.ts'

let prefix = ''
let prefixesCount = 0
const stores: LogStore[] = []
beforeEach(() => {
  prefix = `failures-${prefixesCount++}`
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

type Options = Partial<Omit<NatsStoreOptions, 'servers' | 'connection'>> & { readonly servers: readonly string[] }
const open = (options: Options): LogStore => {
  const store = natsStore({ prefix, streams: 1, ...options })
  stores.push(store)
  return store
}
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

describe('servers that can not be used', () => {
  let single: NatsCluster
  beforeAll(async () => {
    single = await startNats(
      1,
      `accounts {
        LOGS { jetstream: enabled, users: [
          { user: owner, password: right },
          { user: clerk, password: right, permissions: { publish: { deny: ["$JS.API.STREAM.>"] } } } ] }
        OTHER { users: [{ user: other, password: right }] } }
      no_auth_user: owner`,
    )
  })
  afterAll(() => single?.remove())
  const as = (user: string): readonly string[] => single.servers.map((server) => `nats://${user}@${server}`)
  const alone = (options: Partial<Options> = {}): LogStore => open({ servers: single.servers, replicas: 1, ...options })

  test('are told of at first use: nobody there', async () => {
    const store = alone({ servers: ['127.0.0.1:1'] })
    await expect(store.head(log)).rejects.toMatchObject({ name: 'NatsStoreError', code: 'nats/unreachable' })
    await expect(store.append(log, 0, commitsOf(nothing, ['a']))).rejects.toMatchObject({ code: 'nats/unreachable' })
  })
  test.for(['owner:wrong', 'nobody:right', 'clerk:right'])('are told of at first use: %s', async (user) => {
    const store = alone({ servers: as(user) })
    await expect(store.head(log)).rejects.toMatchObject({ name: 'NatsStoreError', code: 'nats/refused' })
  })
  test('are used with the right password', async () => {
    expect(await alone({ servers: as('owner:right') }).head(log)).toEqual(nothing)
  })
  test('are told of at first use: too few for as many replicas', async () => {
    await expect(alone({ replicas: 3 }).head(log)).rejects.toMatchObject({ code: 'nats/refused' })
    expect(await alone().head(log)).toEqual(nothing)
  })
  test('are told of at first use: a newer format, which is left as it is', async () => {
    await withNats(single.servers, async (connection) => {
      const manager = await jetstreamManager(connection)
      await manager.streams.add({ name: `${prefix}-meta`, subjects: [`${prefix}.meta`] })
      await jetstream(connection).publish(`${prefix}.meta`, '{"format":2,"streams":1}')
      await expect(alone().head(log)).rejects.toMatchObject({ code: 'nats/format' })
      await expect(alone().append(log, 0, commitsOf(nothing, ['a']))).rejects.toThrow(/format 2.*knows 1/)
      expect(await manager.streams.find(`${prefix}.0.x`).catch(() => 'none')).toBe('none')
    })
  })
  test('are told of: a stream that is not there any more', async () => {
    const store = alone()
    await append(store, 'a')
    await withNats(single.servers, async (connection) =>
      (await jetstreamManager(connection)).streams.delete(`${prefix}-0`),
    )
    await expect(store.head(log)).rejects.toMatchObject({ code: 'nats/refused' })
    await expect(alone().range(log, 0, wide)).rejects.toThrow(/not there any more/)
  })
  test('are told of: no room, which loses nothing and ends when there is some', async () => {
    const store = alone()
    await append(store, 'a')
    const limit = (max_bytes: number): Promise<unknown> =>
      withNats(single.servers, async (connection) =>
        (await jetstreamManager(connection)).streams.update(`${prefix}-0`, { max_bytes }),
      )
    await limit(5_000)
    const head = await store.head(log)
    const large = sequence([{ id: 'b', contentId: 'p', eventsCount: 1, text: JSON.stringify('x'.repeat(9_000)) }], head)
    await expect(store.append(log, 1, large)).rejects.toMatchObject({ code: 'nats/full' })
    await expect(
      store.segments!.add(log, { first: 1, last: 1, digest: '', hash: 'h', bytes: 1 }, new Uint8Array(9_000)),
    ).rejects.toMatchObject({ code: 'nats/full' })
    expect(await idsOf(store)).toEqual(['a'])
    expect(await store.segments!.list(log)).toEqual([])
    await limit(-1)
    expect(await store.append(log, 1, large)).toEqual({ taken: 1, head: 2 })
  })
  test('are told of at first use: no JetStream, or none for this account', async () => {
    await expect(alone({ servers: as('other:right') }).head(log)).rejects.toThrow(/no JetStream answers/)
    const plain = await startNats(1, '', false)
    await expect(alone({ servers: plain.servers }).head(log)).rejects.toMatchObject({ code: 'nats/refused' })
    await plain.remove()
  })
  test('are told of at first use: messages that are too small for a commit', async () => {
    const small = await startNats(1, 'max_payload: 65536')
    await expect(alone({ servers: small.servers }).head(log)).rejects.toMatchObject({ code: 'nats/refused' })
    await small.remove()
  })
  test('are used as soon as they can be', async () => {
    await single.kill(0)
    const store = alone()
    await expect(store.head(log)).rejects.toMatchObject({ code: 'nats/unreachable' })
    single.start(0)
    await single.whole()
    expect(await store.head(log)).toEqual(nothing)
    expect(await append(store, 'a')).toBe(1)
  })
  test('wrong arguments are refused at once', () => {
    for (const wrong of [
      {},
      { servers: [] },
      { servers: 'x', connection: {} },
      { servers: 'x', prefix: 'a.b' },
      { servers: 'x', streams: 0 },
      { servers: 'x', replicas: 9 },
      { servers: 'x', sreams: 1 },
    ])
      expect(() => natsStore(wrong as never)).toThrow(/can't be/)
  })
})

describe('a cluster of three', () => {
  let cluster: NatsCluster
  beforeAll(async () => {
    cluster = await startNats()
  })
  afterAll(() => cluster?.remove())

  beforeEach(async () => {
    for (const nth of [0, 1, 2]) cluster.start(nth)
    await cluster.whole()
  })

  interface Load {
    readonly acknowledged: ReadonlyMap<string, number>
    readonly codes: ReadonlySet<unknown>
    /** Positions that were told to be durable here, and were not known there. */
    readonly unknown: readonly number[]
    readonly end: () => Promise<void>
  }
  /** Six writers over two stores; what one of them was told is asked of the other. */
  function startLoad(both: readonly LogStore[]): Load {
    const acknowledged = new Map<string, number>()
    const codes = new Set<unknown>()
    const unknown: number[] = []
    let isOver = false
    const writing = [...'abcdef'].map(async (name, i) => {
      for (let run = 0; !isOver; run++) {
        try {
          const end = await append(both[i % 2]!, `${name}${run}-1`, `${name}${run}-2`)
          acknowledged.set(`${name}${run}-1`, end - 1).set(`${name}${run}-2`, end)
          if ((await both[(i + 1) % 2]!.digestAt(log, end)) === undefined) unknown.push(end)
        } catch (error) {
          codes.add(codeOf(error))
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    })
    const end = async (): Promise<void> => {
      isOver = true
      await Promise.all(writing)
    }
    return { acknowledged, codes, unknown, end }
  }
  async function mustHold(store: LogStore, { acknowledged, codes, unknown }: Load): Promise<void> {
    // A leader that stood still answers reads with what it knew, until it hears of another one: late is not lost.
    const last = Math.max(...acknowledged.values())
    await expect.poll(async () => (await store.head(log)).position, { timeout: 30_000 }).toBeGreaterThanOrEqual(last)
    const { commits } = await store.range(log, 0, wide)
    const places = new Map(commits.map(({ id, last }) => [id, last]))
    expect([...acknowledged].filter(([id, last]) => places.get(id) !== last)).toEqual([])
    const again = commits.map(({ id, contentId, text }) => ({ id, contentId, eventsCount: 1, text }))
    expect(commits).toEqual(sequence(again, nothing))
    expect(new Set(commits.map(({ id }) => id)).size).toBe(commits.length)
    expect([...codes].filter((code) => !['nats/unreachable', 'nats/busy'].includes(String(code)))).toEqual([])
    expect(unknown).toEqual([])
  }
  const openBoth = (): readonly LogStore[] => [0, 1].map(() => open({ servers: cluster.servers, pollMs: 200 }))

  test('loses nothing when its servers are killed under load, one after the other, and always the leader', {
    timeout: 300_000,
  }, async () => {
    const both = openBoth()
    let heard = 0
    both[0]!.watch(log, (head) => {
      heard = head
    })
    await append(both[0]!, 'first')
    const load = startLoad(both)
    for (let round = 0; round < 5; round++) {
      const enough = load.acknowledged.size + 60
      await expect.poll(() => load.acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(enough)
      const leader = await cluster.leaderOf(`${prefix}-0`)
      await cluster.kill(leader)
      const before = load.acknowledged.size
      await expect.poll(() => load.acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(before + 20)
      cluster.start(leader)
      await cluster.whole()
    }
    await load.end()
    await mustHold(both[1]!, load)
    await expect.poll(() => heard, { timeout: 20_000 }).toBe((await both[1]!.head(log)).position)
  })
  test('without a majority refuses in bounded time, answers devices, and goes on when there is one', {
    timeout: 300_000,
  }, async () => {
    const errors: unknown[] = []
    const store = open({ servers: cluster.servers })
    const handler = createSyncHandler({ store, onError: (error) => errors.push(error) })
    const push = () => handler(pushRequest(runOf([{ id: 'a' }, { id: 'b' }])))
    expect((await push()).status).toBe(200)
    const leader = await cluster.leaderOf(`${prefix}-0`)
    const others = [0, 1, 2].filter((nth) => nth !== leader)
    for (const nth of others) await cluster.kill(nth)
    const start = performance.now()
    await expect(store.append('beside', 0, commitsOf(nothing, ['x']))).rejects.toMatchObject({
      code: 'nats/unreachable',
    })
    const pushed = handler(pushRequest(runOf([{ id: 'c' }])))
    expect((await pushed).status).toBe(503)
    // Some seconds for each; twice as long as a slow machine needs.
    expect(performance.now() - start).toBeLessThan(90_000)
    for (const error of errors) expect(error).toMatchObject({ code: 'nats/unreachable' })
    for (const nth of others) cluster.start(nth)
    await cluster.whole()
    expect((await handler(pullRequest(nothing))).status).toBe(200)
    const again = await push()
    expect(await again.json()).toMatchObject({
      verdicts: [{ verdict: 'duplicate' }, { verdict: 'duplicate' }],
    })
    // Nobody was told whether these were taken: each is, or is not, and never twice.
    for (const id of ['a', 'b', 'c']) expect((await idsOf(store)).filter((one) => one === id).length).toBeLessThan(2)
    expect((await idsOf(store)).slice(0, 2)).toEqual(['a', 'b'])
    const { position } = await store.head('beside')
    expect(await store.append('beside', 0, commitsOf(nothing, ['y']))).toEqual({
      taken: 1 - position,
      head: 1,
    })
    handler.stop()
  })
  test('loses nothing when the leader falls silent and comes back', { timeout: 300_000 }, async () => {
    const both = openBoth()
    await append(both[0]!, 'first')
    const load = startLoad(both)
    for (let round = 0; round < 2; round++) {
      const enough = load.acknowledged.size + 40
      await expect.poll(() => load.acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(enough)
      const leader = await cluster.leaderOf(`${prefix}-0`)
      cluster.signal(leader, 'SIGSTOP')
      const before = load.acknowledged.size
      await expect.poll(() => load.acknowledged.size, { timeout: 120_000 }).toBeGreaterThan(before + 20)
      cluster.signal(leader, 'SIGCONT')
      await cluster.whole()
    }
    await load.end()
    await mustHold(both[1]!, load)
  })
  test('goes on where it was after all of it was killed', { timeout: 300_000 }, async () => {
    const both = openBoth()
    await append(both[0]!, 'first')
    const load = startLoad(both)
    await expect.poll(() => load.acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(60)
    await Promise.all([0, 1, 2].map(cluster.kill))
    const before = load.acknowledged.size
    for (const nth of [0, 1, 2]) cluster.start(nth)
    await expect.poll(() => load.acknowledged.size, { timeout: 120_000 }).toBeGreaterThan(before + 20)
    await load.end()
    await mustHold(both[1]!, load)
  })
})

describe('a store that is closed', () => {
  let single: NatsCluster
  beforeAll(async () => {
    single = await startNats(1)
  })
  afterAll(() => single?.remove())
  test('answers no more, and leaves a connection that is not its own to its owner', async () => {
    const connection = await connect({ servers: [...single.servers] })
    const store = natsStore({ connection, prefix, streams: 1, replicas: 1 })
    store.watch(log, () => {})
    await append(store, 'a')
    await store.close()
    await store.close()
    expect(connection.isClosed()).toBe(false)
    await expect(store.head(log)).rejects.toMatchObject({ code: 'nats/unreachable' })
    await connection.close()
    const own = open({ servers: single.servers, replicas: 1 })
    expect(await idsOf(own)).toEqual(['a'])
    await own.close()
    await expect(own.head(log)).rejects.toMatchObject({ code: 'nats/unreachable' })
  })
})
