import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { problemOf, pullRequest, pushRequest, runOf } from '../../server/handler.fixture.ts'
import { createSyncHandler } from '../../server/handler.ts'
import { type PostgresPool, type PostgresStoreOptions, postgresStore } from '../../server/postgres.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import { type Cluster, startCluster, withClient } from './cluster.ts'
import { append, badPool, commitsOf, idsOf, log, wide } from './stores.ts'

let cluster: Cluster
let url = ''
let databasesCount = 0
const stores: LogStore[] = []
beforeAll(async () => {
  // What is not written out at each commit is not written out at all before a crash.
  cluster = await startCluster(['wal_writer_delay=10s', 'bgwriter_lru_maxpages=0'])
})
beforeEach(async () => {
  url = await cluster.createDatabase(`failures_${databasesCount++}`)
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})
afterAll(() => cluster?.remove())

type Options = Partial<Omit<PostgresStoreOptions, 'connectionString' | 'pool'>>
const open = (options: Options & ({ connectionString: string } | { pool: PostgresPool })): LogStore => {
  const store = postgresStore(options)
  stores.push(store)
  return store
}
const admin = (sql: string, at = cluster.url): Promise<unknown> => withClient(at, (client) => client.query(sql))
const nameOf = (at: string): string => at.split('/').at(-1) ?? ''

describe('a database that can not be used', () => {
  test.for([
    ['nobody there', 'postgresql://postgres@127.0.0.1:1/x', 'postgres/unreachable', /ECONNREFUSED/],
    ['no such folder', 'postgresql://postgres@%2Fno%2Fsuch/x', 'postgres/unreachable', /ENOENT/],
  ] as const)('is told of at first use: %s', async ([, connectionString, code, message]) => {
    const store = open({ connectionString })
    await expect(store.head(log)).rejects.toMatchObject({ name: 'PostgresStoreError', code })
    await expect(store.append(log, 0, commitsOf(nothing, ['a']))).rejects.toThrow(message)
  })
  test('is told of at first use: no such database, no such user', async () => {
    for (const wrong of [url.replace(/\w+$/, 'nonesuch'), url.replace('postgres@', 'nobody@')])
      await expect(open({ connectionString: wrong }).head(log)).rejects.toMatchObject({
        name: 'PostgresStoreError',
        code: 'postgres/refused',
      })
  })
  test('is told of at first use: not UTF-8', async () => {
    const latin = await cluster.createDatabase('latin', "ENCODING 'LATIN1' TEMPLATE template0")
    await expect(open({ connectionString: latin }).head(log)).rejects.toThrow(/encoding LATIN1, and UTF8 is needed/)
  })
  test('is told of at first use: a newer format, which is left as it is', async () => {
    await open({ connectionString: url }).head(log)
    await admin(`UPDATE tidelog.meta SET value = 2; DROP TABLE tidelog.gone`, url)
    const store = open({ connectionString: url })
    await expect(store.head(log)).rejects.toMatchObject({ code: 'postgres/format' })
    await expect(store.head(log)).rejects.toThrow(
      /the tables in tidelog have format 2, this version of tidelog knows 1/,
    )
    await expect(admin('SELECT 1 FROM tidelog.gone', url)).rejects.toThrow(/does not exist/)
  })
  test('is used as soon as it can be', async () => {
    const late = url.replace(/\w+$/, 'late')
    const store = open({ connectionString: late })
    await expect(store.head(log)).rejects.toMatchObject({ code: 'postgres/refused' })
    await cluster.createDatabase('late')
    expect(await store.head(log)).toEqual(nothing)
  })
  test('wrong arguments are refused at once', () => {
    for (const wrong of [
      {},
      { connectionString: url, pool: new pg.Pool() },
      { connectionString: url, schema: '' },
      { connectionString: url, schema: 'ä'.repeat(32) },
      { connectionString: url, shema: 'x' },
    ])
      expect(() => postgresStore(wrong as never)).toThrow(/can't be/)
  })
})

describe('a role with few rights', () => {
  test('reads and writes tables that another one made, and is told when it may not', async () => {
    await admin('CREATE ROLE clerk LOGIN')
    const clerkUrl = url.replace('postgres@', 'clerk@')
    await expect(open({ connectionString: clerkUrl }).head(log)).rejects.toMatchObject({ code: 'postgres/refused' })
    await open({ connectionString: url }).head(log)
    await expect(open({ connectionString: clerkUrl }).head(log)).rejects.toMatchObject({ code: 'postgres/refused' })
    await admin(
      `GRANT USAGE ON SCHEMA tidelog TO clerk; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA tidelog TO clerk`,
      url,
    )
    const store = open({ connectionString: clerkUrl })
    expect(await append(store, 'a', 'b')).toBe(2)
    await store.segments?.add(
      log,
      { first: 1, last: 2, digest: '0'.repeat(16), hash: 'h', bytes: 1 },
      new Uint8Array([7]),
    )
    expect(await store.erasures?.put(log, { through: 2, commits: [], segments: [] })).toBe(true)
    expect(await store.segments?.get(log, 'h')).toEqual(new Uint8Array([7]))
  })
})

describe('a row that somebody locked by hand', () => {
  test('is not waited for without end', { timeout: 60_000 }, async () => {
    const store = open({ connectionString: url })
    await append(store, 'a')
    await withClient(url, async (client) => {
      await client.query('BEGIN; UPDATE tidelog.logs SET head = head')
      await expect(append(store, 'b')).rejects.toMatchObject({
        code: 'postgres/busy',
        message: expect.stringMatching(/lock timeout/),
      })
      await client.query('ROLLBACK')
    })
    expect(await append(store, 'b')).toBe(2)
  })
})

describe('a server that crashes', () => {
  test('has all that was acknowledged, whatever it was told to be careless about', async () => {
    for (const value of ['off', 'on']) {
      const name = await cluster.createDatabase(`careless_${value}`)
      await admin(`ALTER DATABASE ${nameOf(name)} SET synchronous_commit = ${value}`)
      const store = open({ connectionString: name })
      await append(store, 'a')
      await store.segments?.add(log, { first: 1, last: 1, digest: '', hash: 'h', bytes: 1 }, new Uint8Array([7]))
      await cluster.crash()
      await cluster.start()
      expect(await store.segments?.get(log, 'h')).toEqual(new Uint8Array([7]))
      await append(store, 'b')
      await cluster.crash()
      await cluster.start()
      expect(await idsOf(store)).toEqual(['a', 'b'])
    }
  })
  test('ends no process and loses nothing under load, again and again', { timeout: 240_000 }, async () => {
    const both = [open({ connectionString: url, pollMs: 100 }), open({ connectionString: url, pollMs: 100 })]
    let heard = 0
    both[0]!.watch(log, (head) => {
      heard = head
    })
    const acknowledged = new Map<string, number>()
    const codes = new Set<unknown>()
    let isOver = false
    const writing = [...'abcdef'].map(async (name, i) => {
      const store = both[i % 2]!
      for (let run = 0; !isOver; run++) {
        try {
          const end = await append(store, `${name}${run}-1`, `${name}${run}-2`)
          acknowledged.set(`${name}${run}-1`, end - 1).set(`${name}${run}-2`, end)
        } catch (error) {
          codes.add((error as { code?: unknown }).code)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    })
    for (let round = 0; round < 5; round++) {
      const enough = acknowledged.size + 200
      await expect.poll(() => acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(enough)
      await cluster.crash()
      await cluster.start()
    }
    isOver = true
    await Promise.all(writing)
    const { commits, head } = await both[1]!.range(log, 0, wide)
    const places = new Map(commits.map(({ id, last }) => [id, last]))
    expect([...acknowledged].filter(([id, last]) => places.get(id) !== last)).toEqual([])
    const again = commits.map(({ id, contentId, text }) => ({ id, contentId, eventsCount: 1, text }))
    expect(commits).toEqual(sequence(again, nothing))
    expect(commits.length % 2).toBe(0)
    expect([...codes]).toEqual(['postgres/unreachable'])
    await expect.poll(() => heard, { timeout: 20_000 }).toBe(head)
  })
  test('ends no process that holds idle or lent connections of a pool of its own', async () => {
    const pool = new pg.Pool({ connectionString: url })
    const errors: unknown[] = []
    const store = open({ pool, onError: (error) => errors.push(error) })
    store.watch(log, () => {})
    await append(store, 'a')
    const lent = badPool(url, (text) => (text.startsWith('COMMIT') ? 'unanswered' : 'sent'))
    // It is cut off somewhere in the middle, and may hear of it.
    const cut = open({ pool: lent }).segments
    cut?.add(log, { first: 1, last: 1, digest: '', hash: 'h', bytes: 1 }, new Uint8Array()).catch(() => {})
    await expect
      .poll(() => withClient(url, (client) => client.query(`SELECT 1 FROM pg_stat_activity WHERE state ~ 'idle in'`)))
      .toMatchObject({ rowCount: 1 })
    await cluster.crash()
    await expect.poll(() => errors.length).toBeGreaterThan(0)
    await cluster.start()
    expect(await append(store, 'b')).toBe(2)
    await stores.shift()?.close()
    await pool.end()
    stores.length = 0
  })
  test('is a store out of reach for devices, which keep what they have and come back', async () => {
    const errors: unknown[] = []
    const store = open({ connectionString: url })
    const handler = createSyncHandler({ store, onError: (error) => errors.push(error) })
    const push = () => handler(pushRequest(runOf([{ id: 'a' }])))
    expect((await push()).status).toBe(200)
    await cluster.crash()
    for (const response of [await push(), await handler(pullRequest(nothing))]) {
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await problemOf(response)).toBe('503 store-unavailable')
    }
    expect(errors.length).toBeGreaterThanOrEqual(2)
    for (const error of errors) expect(error).toMatchObject({ code: 'postgres/unreachable' })
    await cluster.start()
    expect(await (await push()).json()).toMatchObject({ verdicts: [{ verdict: 'duplicate' }] })
    handler.stop()
  })
})
