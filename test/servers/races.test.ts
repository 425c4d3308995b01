import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { postgresStore } from '../../server/postgres.ts'
import { bundle, run } from '../../server/process.fixture.ts'
import { nothing } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import { type Cluster, startCluster, withClient } from './cluster.ts'
import {
  mustBeWhole,
  processesMustAgree,
  raceAtHead,
  readersMustSeeRuns,
  withStores as withStoresOver,
} from './races.ts'
import { append, commitsOf, idsOf, log, wide } from './stores.ts'

let cluster: Cluster
let url = ''
let databasesCount = 0
beforeAll(async () => {
  cluster = await startCluster()
})
beforeEach(async () => {
  url = await cluster.createDatabase(`races_${databasesCount++}`)
})
afterAll(() => cluster?.remove())

const withStores = (number: number, work: (stores: readonly LogStore[]) => Promise<void>): Promise<void> =>
  withStoresOver(number, () => postgresStore({ connectionString: url }), work)

describe('writers of one log', () => {
  test('of eight from two pools at one head exactly one wins, a thousand times', { timeout: 240_000 }, () =>
    withStores(2, async (stores) => {
      for (let round = 0; round < 1_000; round++) await raceAtHead(stores, round)
      expect(await stores[0]!.head(log)).toMatchObject({ position: 2_000 })
      await mustBeWhole(stores[1]!)
    }),
  )
  test('in several processes get one order, lose nothing, and keep each run together', () =>
    withStores(1, ([store]) => processesMustAgree(url, store!)))
  test('leave nothing locked when their process is killed', async () => {
    const file = await bundle('../test/servers/writer.fixture.ts')
    const writer = run(file, [url, 'w', '1000000'])
    let told = 0
    while (told < 20) told = Number(await writer.line())
    writer.child.kill('SIGKILL')
    await writer.ended
    for (let line = await writer.line(); line !== undefined; line = await writer.line()) told = Number(line)
    await withStores(1, async ([store]) => {
      const { position } = await store!.head(log)
      expect(position).toBeGreaterThanOrEqual(told)
      expect(await append(store!, 'x')).toBeGreaterThan(position)
      await mustBeWhole(store!)
    })
  })
  test('lose against a transaction that isolates more strictly only by the head, not by an error', async () => {
    await withClient(cluster.url, (client) =>
      client.query(`ALTER DATABASE ${url.split('/').at(-1)} SET default_transaction_isolation = 'serializable'`),
    )
    await withStores(2, async (stores) => {
      for (let round = 0; round < 50; round++) {
        const head = await stores[0]!.head(log)
        const results = await Promise.all(
          [...'abcd'].map((name, i) => stores[i % 2]!.append(log, head.position, commitsOf(head, [`${name}${round}`]))),
        )
        expect(results.map(({ taken }) => taken).sort()).toEqual([0, 0, 0, 1])
      }
      await mustBeWhole(stores[0]!)
    })
  })
})

describe('readers', () => {
  test('never pass a position that is not committed yet', () =>
    withStores(2, async ([here, there]) => {
      await append(here!, 'a')
      const head = await here!.head(log)
      const [b] = commitsOf(head, ['b'])
      await withClient(url, async (client) => {
        await client.query('BEGIN')
        await client.query(`UPDATE tidelog.logs SET head = 2, digest = $1 WHERE head = 1`, [b!.digest])
        await client.query(`INSERT INTO tidelog.commits SELECT log, 2, 2, $1, 'b', 'b.p', '{}' FROM tidelog.commits`, [
          b!.digest,
        ])
        let isAnswered = false
        const later = append(there!, 'c').finally(() => {
          isAnswered = true
        })
        await expect
          .poll(() => withClient(url, (other) => other.query('SELECT 1 FROM pg_locks WHERE NOT granted')))
          .toMatchObject({ rowCount: 1 })
        expect(await here!.range(log, 0, wide)).toMatchObject({ commits: [{ id: 'a' }], head: 1 })
        expect(await here!.head(log)).toEqual(head)
        expect(isAnswered).toBe(false)
        await client.query('COMMIT')
        expect(await later).toBe(3)
      })
      expect(await idsOf(here!)).toEqual(['a', 'b', 'c'])
    }))
  test('see whole runs that follow one another while many write', () =>
    withStores(3, ([reader, ...writers]) => readersMustSeeRuns(reader!, writers)))
})

describe('logs', () => {
  test('are kept apart also by names that no index takes', () =>
    withStores(2, async ([here, there]) => {
      const long = Array.from({ length: 400 }, (_, i) => createHash('sha256').update(`${i}`).digest('hex')).join('')
      for (const [i, name] of [`${long}a`, `${long}b`].entries()) {
        const heard: number[] = []
        const stop = there!.watch(name, (head) => heard.push(head))
        await here!.append(name, 0, commitsOf(nothing, ['x'], i + 1))
        await expect.poll(() => heard).toEqual([i + 1])
        stop()
        expect(await there!.head(name)).toMatchObject({ position: i + 1 })
        expect(await there!.range(name, 0, wide)).toMatchObject({ head: i + 1, commits: [{ last: i + 1 }] })
        expect(await there!.digestAt(name, i + 1)).toBeDefined()
        await here!.segments?.add(name, { first: 1, last: i + 1, digest: '', hash: 'h', bytes: 1 }, new Uint8Array([i]))
        expect(await there!.segments?.get(name, 'h')).toEqual(new Uint8Array([i]))
        expect(await there!.segments?.list(name)).toHaveLength(1)
        expect(await here!.erasures?.put(name, { through: i + 1, commits: [], segments: [] })).toBe(true)
        expect(await there!.erasures?.through(name)).toBe(i + 1)
      }
    }))
})

describe('servers that start at once', () => {
  test('make the tables once and all of them work', async () => {
    for (let round = 0; round < 15; round++) {
      const stores = Array.from({ length: 8 }, () =>
        postgresStore({ connectionString: url, schema: `fresh "${round}"` }),
      )
      expect(await Promise.all(stores.map((store) => store.head(log)))).toEqual(stores.map(() => nothing))
      await Promise.all(stores.map((store) => store.close()))
    }
  })
})
