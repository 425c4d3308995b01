import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type NatsStoreOptions, natsStore } from '../../server/nats.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import { badNats } from './bad-nats.ts'
import { type NatsCluster, startNats, withNats } from './nats-cluster.ts'
import {
  mustBeWhole,
  processesMustAgree,
  raceAtHead,
  readersMustSeeRuns,
  withStores as withStoresOver,
} from './races.ts'
import { append, commitsOf, idsOf, log, wide } from './stores.ts'

let cluster: NatsCluster
let prefix = ''
let prefixesCount = 0
beforeAll(async () => {
  cluster = await startNats()
})
beforeEach(() => {
  prefix = `races-${prefixesCount++}`
})
afterAll(() => cluster?.remove())

const open = (more: Partial<NatsStoreOptions> = {}): LogStore =>
  natsStore({
    prefix,
    streams: 1,
    ...(more.connection === undefined ? { servers: cluster.servers } : {}),
    ...more,
  } as NatsStoreOptions)

const withStores = (number: number, work: (stores: readonly LogStore[]) => Promise<void>): Promise<void> =>
  withStoresOver(number, open, work)

describe('writers of one stream', () => {
  test(
    'of eight from two connections at one head exactly one wins, a thousand times, while others write to other logs',
    {
      timeout: 300_000,
    },
    () =>
      withStores(2, async (stores) => {
        const beside = stores.map(() => nothing)
        const writeBeside = async (store: LogStore, i: number): Promise<void> => {
          const [commit] = commitsOf(beside[i]!, [`${beside[i]!.position}`])
          expect(await store.append(`beside ${i}`, beside[i]!.position, [commit!])).toMatchObject({ taken: 1 })
          beside[i] = { position: commit!.last, digest: commit!.digest }
        }
        for (let round = 0; round < 1_000; round++) {
          const others = stores.map(writeBeside)
          await raceAtHead(stores, round)
          await Promise.all(others)
        }
        for (const i of [0, 1]) expect(await mustBeWhole(stores[1]!, `beside ${i}`)).toHaveLength(1_000)
        expect(await stores[0]!.head(log)).toMatchObject({ position: 2_000 })
        expect(await mustBeWhole(stores[1]!)).toHaveLength(1_000)
      }),
  )
  test('get their turn from afar beside one that writes to another log without a pause', { timeout: 120_000 }, () =>
    withStores(1, async ([there]) => {
      const connection = badNats(await connect({ servers: [...cluster.servers] }), async (_, send) => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        return send()
      })
      const here = open({ connection })
      let isOver = false
      let head = nothing
      const writing = (async () => {
        while (!isOver) {
          const [commit] = commitsOf(head, [`${head.position}`])
          expect(await there!.append('beside', head.position, [commit!])).toMatchObject({ taken: 1 })
          head = { position: commit!.last, digest: commit!.digest }
        }
      })()
      await expect.poll(() => head.position, { timeout: 20_000 }).toBeGreaterThan(10)
      try {
        // Each rejects when it has lost for ten seconds.
        for (let i = 0; i < 5; i++) await append(here, `${i}`)
      } finally {
        isOver = true
        await writing
        await here.close()
        await connection.close()
      }
      expect(await mustBeWhole(there!)).toHaveLength(5)
      expect(await mustBeWhole(there!, 'beside')).toHaveLength(head.position)
    }),
  )
  test('in several processes get one order, lose nothing, and keep each run together', () =>
    withStores(1, ([store]) =>
      processesMustAgree(`${cluster.servers.map((server) => `nats://${server}`).join()} ${prefix}`, store!),
    ))
  test('take a prefix of a run that does not fit into one message, when another writes in the middle of it', () =>
    withStores(1, async ([there]) => {
      for (const messages of [0, 1, 3]) {
        let sent = 0
        const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send) => {
          if (subject.includes('.log.') && sent++ === messages) await append(there!, `short${messages}`)
          return send()
        })
        const here = open({ connection })
        const head = await here.head(log)
        const long = sequence(
          Array.from({ length: 50 }, (_, i) => ({
            id: `long${messages}-${i}`,
            contentId: 'p',
            eventsCount: 1,
            text: JSON.stringify('x'.repeat(30_000)),
          })),
          head,
        )
        const { taken, head: end } = await here.append(log, head.position, long)
        expect(taken).toBe(messages * 4)
        expect(end).toBe(head.position + taken + 1)
        const after = (await there!.range(log, head.position, wide)).commits.map(({ id }) => id)
        expect(after).toEqual([...long.slice(0, taken).map(({ id }) => id), `short${messages}`])
        await here.close()
        await connection.close()
      }
      await mustBeWhole(there!)
    }))
})

describe('an append of which the answer is lost', () => {
  test.for(['once', 'and others have written behind it'])('is found to be taken: %s', async (how) => {
    await withStores(1, async ([there]) => {
      await append(there!, 'a')
      let isLost = false
      const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send) => {
        if (!subject.includes('.log.') || isLost) return send()
        isLost = true
        await send()
        if (how !== 'once') await append(there!, 'c')
        throw Object.assign(new Error('timeout'), { name: 'TimeoutError' })
      })
      const here = open({ connection })
      expect(await here.append(log, 1, commitsOf(await there!.head(log), ['b']))).toMatchObject({ taken: 1 })
      expect(isLost).toBe(true)
      expect(await mustBeWhole(there!)).toEqual(how === 'once' ? ['a', 'b'] : ['a', 'b', 'c'])
      await here.close()
      await connection.close()
    })
  })
  test('is not taken behind an end that a leader told which stood still', async () => {
    await withStores(1, async ([there]) => {
      await append(there!, 'a')
      const known = new Map<string, unknown>()
      let isStale = false
      const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send, payload) => {
        const question = `${subject} ${Buffer.from(payload as Uint8Array)}`
        // Only what is written goes to the leader that there is now.
        if (isStale && known.has(question) && !subject.includes('.log.')) return known.get(question)
        const answer = await send()
        known.set(question, answer)
        return answer
      })
      const here = open({ connection })
      await append(here, 'b')
      const head = await here.head(log)
      isStale = true
      for (const id of ['c', 'd']) await append(there!, id)
      const appending = here.append(log, head.position, commitsOf(head, ['x']))
      await expect(appending).rejects.toMatchObject({ code: 'nats/busy' })
      isStale = false
      expect(await append(here, 'e')).toBe(5)
      expect(await mustBeWhole(there!)).toEqual(['a', 'b', 'c', 'd', 'e'])
      await here.close()
      await connection.close()
    })
  })
  test('is not taken twice when it arrives late', async () => {
    await withStores(1, async ([there]) => {
      await append(there!, 'a')
      const late: (() => Promise<unknown>)[] = []
      const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send) => {
        if (!subject.includes('.log.') || late.length > 0) return send()
        late.push(send)
        throw Object.assign(new Error('timeout'), { name: 'TimeoutError' })
      })
      const here = open({ connection })
      expect(await here.append(log, 1, commitsOf(await there!.head(log), ['b']))).toMatchObject({ taken: 1, head: 2 })
      for (const send of late) expect(await send()).toBeDefined()
      expect(await mustBeWhole(there!)).toEqual(['a', 'b'])
      await here.close()
      await connection.close()
    })
  })
})

describe('readers', () => {
  test('see whole runs that follow one another while many write', () =>
    withStores(3, ([reader, ...writers]) => readersMustSeeRuns(reader!, writers)))
  test('are not told by a leader that was cut off that a log is another one', () =>
    withStores(1, async ([there]) => {
      await append(there!, 'a')
      const known = new Map<string, unknown>()
      let isCutOff = false
      const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send, payload) => {
        // It becomes known that there is another one.
        if (subject.endsWith('.probe')) isCutOff = false
        const question = `${subject} ${Buffer.from(payload as Uint8Array)}`
        if (isCutOff && known.has(question)) return known.get(question)
        const answer = await send()
        known.set(question, answer)
        return answer
      })
      const here = open({ connection })
      expect(await here.head(log)).toMatchObject({ position: 1 })
      isCutOff = true
      await append(there!, 'b')
      const head = await there!.head(log)
      expect(await here.head(log)).toMatchObject({ position: 1 })
      expect(await here.digestAt(log, 2)).toBe(head.digest)
      expect(await Promise.all([3, 4, 5].map((position) => here.digestAt(log, position)))).toEqual([
        undefined,
        undefined,
        undefined,
      ])
      expect(await append(here, 'c')).toBe(3)
      await mustBeWhole(there!)
      await here.close()
      await connection.close()
    }))
  test('find any position of a log that shares its stream with many others', () =>
    withStores(2, async ([here, there]) => {
      const names = ['a', 'b', 'c', 'd']
      for (let round = 0; round < 60; round++)
        await Promise.all(
          names.map(async (name, i) => {
            if (round % (i + 1) > 0) return
            const head = await here!.head(name)
            await here!.append(name, head.position, commitsOf(head, [`${name}${round}`, `${name}${round}'`], 1 + i))
          }),
        )
      for (const [i, name] of names.entries()) {
        const all = (await here!.range(name, 0, wide)).commits
        expect(all).toHaveLength(2 * Math.ceil(60 / (i + 1)))
        for (let after = all.at(-1)!.last; after >= 0; after -= 3) {
          const rest = all.filter(({ last }) => last > after)
          expect((await there!.range(name, after, { commitsMax: 3, bytesMax: 1_000 })).commits).toEqual(
            rest.slice(0, 3),
          )
          expect(await there!.digestAt(name, after)).toBe(
            after === 0 ? nothing.digest : all.find(({ last }) => last === after)?.digest,
          )
        }
      }
    }))
  test('believe no place that they remember when the streams are others', () =>
    withStores(2, async ([here, there]) => {
      for (let i = 0; i < 20; i++) await append(here!, `${i}`)
      for (let after = 19; after >= 0; after--) await here!.range(log, after, { commitsMax: 1, bytesMax: 1 })
      await withNats(cluster.servers, async (connection) => {
        const { streams } = await jetstreamManager(connection)
        for (const name of [`${prefix}-0`, `${prefix}-meta`]) await streams.delete(name)
      })
      const head = commitsOf(nothing, ['x'], 7)
      for (let i = 0; i < 5; i++) await there!.append('another', i, commitsOf({ ...nothing, position: i }, [`${i}`]))
      await there!.append(log, 0, head)
      for (let i = 0; i < 30; i++) await append(there!, `y${i}`)
      for (let after = 0; after < 37; after++) {
        const [commit] = (await here!.range(log, after, { commitsMax: 1, bytesMax: 1 })).commits
        expect(commit).toMatchObject(after < 7 ? { id: 'x' } : { id: `y${after - 7}` })
      }
      await append(here!, 'z')
      expect(await idsOf(there!)).toEqual(['x', ...Array.from({ length: 30 }, (_, i) => `y${i}`), 'z'])
      await mustBeWhole(here!)
    }))
})

describe('stores that are opened at once', () => {
  test('make the streams once, and all of them work, also when they were told other numbers', async () => {
    for (let round = 0; round < 4; round++) {
      const stores = [1, 2, 3, 4].map((streams) => open({ prefix: `${prefix}-${round}`, streams }))
      await Promise.all(stores.map((store, i) => store.append(`log ${i}`, 0, commitsOf(nothing, ['a']))))
      for (let i = 0; i < 4; i++)
        expect(await Promise.all(stores.map(async (store) => (await store.head(`log ${i}`)).position))).toEqual([
          1, 1, 1, 1,
        ])
      await Promise.all(stores.map((store) => store.close()))
    }
  })
})
