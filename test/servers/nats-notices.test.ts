import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type NatsStoreOptions, natsStore } from '../../server/nats.ts'
import type { LogStore } from '../../server/store.ts'
import { badNats } from './bad-nats.ts'
import { type NatsCluster, startNats, withNats } from './nats-cluster.ts'
import { append, commitsOf, log } from './stores.ts'

const never = 3_600_000
let cluster: NatsCluster
let prefix = ''
let prefixesCount = 0
let heard: number[] = []
const atEnd: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startNats()
})
beforeEach(() => {
  prefix = `notices-${prefixesCount++}`
  heard = []
})
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})
afterAll(() => cluster?.remove())

const open = (more: Partial<NatsStoreOptions> = {}): LogStore => {
  const place = more.connection === undefined ? { servers: cluster.servers } : {}
  const store = natsStore({ prefix, streams: 1, pollMs: never, ...place, ...more } as NatsStoreOptions)
  atEnd.push(() => store.close())
  return store
}
/** A store that hears: what was written before it did is told as well, or not. */
async function openWatcher(options: Partial<NatsStoreOptions> = {}): Promise<LogStore> {
  const store = open(options)
  store.watch(log, (head) => heard.push(head))
  const there = open()
  const isHeard = async (): Promise<boolean> => {
    if (heard.length === 0) await append(there, 'hello?')
    return heard.length > 0
  }
  await expect.poll(isHeard, { timeout: 20_000 }).toBe(true)
  const { position } = await there.head(log)
  await expect.poll(() => heard.at(-1)).toBe(position)
  return store
}
const lossy = async (subjects: RegExp): Promise<NonNullable<NatsStoreOptions['connection']>> => {
  const connection = badNats(
    await connect({ servers: [...cluster.servers] }),
    (_, send) => send(),
    (subject) => (subjects.test(subject) ? 'lost' : 'sent'),
  )
  atEnd.push(() => connection.close())
  return connection
}

describe('a watcher hears what another process wrote', () => {
  test('by a notice, in order and each once', async () => {
    const here = await openWatcher()
    const there = open()
    const start = (await here.head(log)).position
    heard.length = 0
    for (const id of 'abc') {
      const head = await append(there, id)
      await expect.poll(() => heard.at(-1)).toBe(head)
    }
    expect(heard).toEqual([start + 1, start + 2, start + 3])
  })
  test('also what was written before the notices were subscribed', async () => {
    const there = open()
    await append(there, 'a')
    const second = { isWritten: false }
    const connection = badNats(await connect({ servers: [...cluster.servers] }), async (_, send) => {
      if (!second.isWritten) {
        second.isWritten = true
        await append(there, 'b')
      }
      return send()
    })
    atEnd.push(() => connection.close())
    open({ connection }).watch(log, (head) => heard.push(head))
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual([2])
    expect(second.isWritten).toBe(true)
  })
  test('by a look at the logs, when every notice is lost', async () => {
    open({ pollMs: 50 }).watch(log, (head) => heard.push(head))
    const there = open({ connection: await lossy(/\.head\./) })
    for (const id of 'abc') {
      const head = await append(there, id)
      await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe(head)
    }
    expect(heard).toEqual([1, 2, 3])
  })
  test('after the connection was lost, also what was written meanwhile', { timeout: 120_000 }, async () => {
    const errors: unknown[] = []
    const there = open({ servers: [0, 1].map((nth) => cluster.servers[nth]!) })
    await append(there, 'first')
    // Speaks to one server only, so that it hears nothing while that one is away.
    const here = await connect({
      servers: cluster.servers[2]!,
      ignoreClusterUpdates: true,
      reconnectTimeWait: 100,
      maxReconnectAttempts: -1,
    })
    atEnd.push(() => here.close())
    await openWatcher({ connection: here, onError: (error) => errors.push(error) })
    for (const id of 'ab') {
      await cluster.kill(2)
      const head = await append(there, id)
      cluster.start(2)
      await expect.poll(() => heard.at(-1), { timeout: 30_000 }).toBe(head)
      await cluster.whole()
    }
    expect(errors[0]).toMatchObject({ code: 'nats/unreachable' })
  })
  test('although a notice named an end that the log does not have, or none', async () => {
    const here = await openWatcher({ pollMs: 50 })
    await withNats(cluster.servers, async (connection) => {
      const notices: string[] = []
      connection.subscribe(`${prefix}.head.*`, { callback: (_, { subject }) => void notices.push(subject) })
      await connection.flush()
      await append(here, 'a')
      await expect.poll(() => notices.length).toBe(1)
      for (const wrong of ['', 'x', '-1', '1.5', '1000000']) connection.publish(notices[0]!, wrong)
      await expect.poll(() => heard).toContain(1_000_000)
      const head = await append(open(), 'b')
      await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe(head)
    })
  })
  test('only of its own log and prefix, until it stops', async () => {
    const here = await openWatcher()
    heard.length = 0
    await append(open({ prefix: `${prefix}-another` }), 'x', 'y')
    const there = open()
    await there.append('another log', 0, commitsOf({ position: 0, digest: '' }, ['z']))
    const others: number[] = []
    const stop = here.watch('third', (head) => others.push(head))
    stop()
    stop()
    const head = await append(there, 'a')
    await expect.poll(() => heard).toEqual([head])
    expect(others).toEqual([])
  })
})
