import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type PostgresPool, type PostgresStoreOptions, postgresStore } from '../../server/postgres.ts'
import type { LogStore } from '../../server/store.ts'
import { type Cluster, startCluster, withClient } from './cluster.ts'
import { append, badPool, log } from './stores.ts'

const never = 3_600_000
let cluster: Cluster
let url = ''
let databasesCount = 0
let heard: number[] = []
const atEnd: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startCluster()
})
beforeEach(async () => {
  url = await cluster.createDatabase(`notices_${databasesCount++}`)
  heard = []
})
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})
afterAll(() => cluster?.remove())

type Options = Partial<Omit<PostgresStoreOptions, 'connectionString' | 'pool'>> & { readonly pool?: PostgresPool }

function open({ pool, ...more }: Options = {}): LogStore {
  const place = pool === undefined ? { connectionString: url } : { pool }
  const store = postgresStore({ pollMs: never, ...more, ...place })
  atEnd.push(() => store.close())
  return store
}

const listeningPids = async (): Promise<readonly number[]> =>
  withClient(url, async (client) => {
    const { rows } = await client.query(
      `SELECT pid FROM pg_stat_activity WHERE query ~ '^(LISTEN|SELECT name, head)' AND datname = current_database()`,
    )
    return rows.map(({ pid }) => pid)
  })

/** A store that hears: what it was told before that is forgotten. */
async function openWatcher(options: Options = {}): Promise<LogStore> {
  const store = open(options)
  store.watch(log, (head) => heard.push(head))
  await expect.poll(listeningPids).not.toEqual([])
  return store
}

describe('a watcher hears what another process wrote', () => {
  test('by a notice, in order and each once', async () => {
    await openWatcher()
    const there = open()
    for (const id of 'abc') {
      const head = await append(there, id)
      await expect.poll(() => heard.at(-1)).toBe(head)
    }
    expect(heard).toEqual([1, 2, 3])
  })
  test('after the connection that listens was cut, also what was written meanwhile', async () => {
    const errors: unknown[] = []
    await openWatcher({ onError: (error) => errors.push(error) })
    const there = open()
    for (const id of 'abcde') {
      const [pid] = await listeningPids()
      await withClient(url, (client) => client.query('SELECT pg_terminate_backend($1)', [pid]))
      const head = await append(there, id)
      await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe(head)
      await expect.poll(listeningPids, { timeout: 20_000 }).toHaveLength(1)
    }
    expect(errors.length).toBeGreaterThanOrEqual(5)
  })
  test('by a look at the logs, when every notice is lost', async () => {
    await openWatcher({ pollMs: 50 })
    const pool = badPool(url, (text) => (text.includes('pg_notify') ? 'lost' : 'sent'))
    atEnd.push(() => pool.end())
    const there = open({ pool })
    for (const id of 'abc') {
      const head = await append(there, id)
      await expect.poll(() => heard.at(-1)).toBe(head)
    }
  })
  test('once, when notices come doubled, late, or make no sense', async () => {
    let channel = ''
    const pool = badPool(url, (text) => {
      channel ||= /^LISTEN "(.*)"$/.exec(text)?.[1] ?? ''
      return 'sent'
    })
    atEnd.push(() => pool.end())
    await withClient(url, async (client) => {
      const here = await openWatcher({ pool })
      await client.query(`LISTEN "${channel}"`)
      const notices: string[] = []
      client.on('notification', ({ payload }) => notices.push(payload ?? ''))
      await append(here, 'a')
      const there = open()
      await append(there, 'b')
      await append(there, 'c')
      await expect.poll(() => notices.length).toBe(3)
      const again = [...notices, ...notices, '', 'x', `${notices[0]?.split(' ')[0]} nonsense`, 'constructor 9']
      for (const payload of again) await client.query('SELECT pg_notify($1, $2)', [channel, payload])
      await expect.poll(() => notices.length).toBe(3 + again.length)
      await append(there, 'd')
      await expect.poll(() => heard.at(-1)).toBe(4)
    })
    expect(heard).toEqual([1, 2, 3, 4])
  })
  test('although the connection that listens does not answer any more', async () => {
    const listening: unknown[] = []
    let isSilent = false
    // A firewall that forgot the connection says nothing, in either direction.
    const pool = badPool(url, (text, connection) => {
      if (text.startsWith('LISTEN')) listening.push(connection)
      return isSilent && connection === listening[0] ? 'unanswered' : 'sent'
    })
    atEnd.push(() => pool.end())
    await openWatcher({ pool, pollMs: 50 })
    await expect.poll(() => listening.length).toBe(1)
    isSilent = true
    await expect.poll(() => listening.length, { timeout: 30_000 }).toBe(2)
    const mute = badPool(url, (text) => (text.includes('pg_notify') ? 'lost' : 'sent'))
    atEnd.push(() => mute.end())
    const head = await append(open({ pool: mute }), 'a')
    await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe(head)
  })
  test('although a notice named an end that the log does not have', async () => {
    let channel = ''
    let payload = ''
    const pool = badPool(url, (text) => {
      channel ||= /^LISTEN "(.*)"$/.exec(text)?.[1] ?? ''
      return 'sent'
    })
    atEnd.push(() => pool.end())
    await openWatcher({ pool, pollMs: 50 })
    const there = open()
    await withClient(url, async (client) => {
      await client.query(`LISTEN "${channel}"`)
      client.on('notification', (notice) => {
        payload ||= notice.payload ?? ''
      })
      await append(there, 'a')
      await expect.poll(() => payload).not.toBe('')
      await client.query('SELECT pg_notify($1, $2)', [channel, payload.replace(/\d+$/, '1000000')])
      await expect.poll(() => heard).toContain(1_000_000)
      const head = await append(there, 'b')
      await expect.poll(() => heard.at(-1)).toBe(head)
    })
  })
  test('only of its own schema and its own log', async () => {
    const here = await openWatcher()
    await append(open({ schema: 'another' }), 'x', 'y')
    await here.append('another log', 0, [])
    await append(open(), 'a')
    await expect.poll(() => heard).toEqual([1])
  })
})

describe('a store that is closed', () => {
  const connections = async (): Promise<number> =>
    withClient(cluster.url, async (client) => {
      const name = url.split('/').at(-1)
      const { rows } = await client.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name])
      return rows.length
    })
  test('leaves no connection behind, whatever it was doing', async () => {
    const store = open()
    store.watch(log, () => {})
    await append(store, 'a')
    await store.close()
    await store.close()
    await expect.poll(connections).toBe(0)
    const other = open()
    other.watch(log, () => {})
    await other.close()
    await expect.poll(connections).toBe(0)
  })
  test('leaves a pool that is not its own to its owner', async () => {
    const pool = new pg.Pool({ connectionString: url })
    const before = pool.listenerCount('error')
    const store = postgresStore({ pool })
    store.watch(log, () => {})
    await append(store, 'a')
    await store.close()
    expect(pool.listenerCount('error')).toBe(before)
    expect((await pool.query('SELECT head FROM tidelog.logs')).rows).toEqual([{ head: '1' }])
    await pool.end()
    await expect.poll(connections).toBe(0)
  })
})
