// What the erasures of the NATS store leave on disk, and what is left when a process dies in the middle.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type NatsStoreOptions, natsStore } from '../../server/nats.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import type { ListedSegment } from '../../src/protocol/sync.ts'
import { badNats } from './bad-nats.ts'
import { type NatsCluster, startNats, withNats } from './nats-cluster.ts'
import { append, log, wide } from './stores.ts'

let cluster: NatsCluster
let prefix = ''
let prefixesCount = 0
const atEnd: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startNats()
})
beforeEach(() => {
  prefix = `erasures-${prefixesCount++}`
})
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})
afterAll(() => cluster?.remove())

const open = (more: Partial<NatsStoreOptions> = {}): LogStore => {
  const place = more.connection === undefined ? { servers: cluster.servers } : {}
  const store = natsStore({ prefix, streams: 1, ...place, ...more } as NatsStoreOptions)
  atEnd.push(() => store.close())
  return store
}

const secret = 'Ottilie-Wildermuth'
const texts = (count: number, text: string) =>
  Array.from({ length: count }, (_, i) => ({
    id: `${i}`,
    contentId: 'p',
    eventsCount: 1,
    text: `{"n":${i},"t":"${text}"}`,
  }))
const fileOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text.repeat(60_000)))
const segment = (hash: string): ListedSegment => ({ first: 1, last: 10, digest: '', hash, bytes: 1 })

/** Servers that have a text in the files of their streams. The log by which they agree keeps it for some minutes. */
const serversWith = (text: string): readonly number[] =>
  [0, 1, 2].filter((nth) =>
    filesIn(cluster.folderOf(nth)).some((file) => file.includes('/streams/') && readFileSync(file).includes(text)),
  )
const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)

const erased = (count: number) => ({
  through: count,
  sealed: 10,
  commits: texts(count, secret).map(({ text }, i) => ({ last: i + 1, was: text, text: text.replace(secret, 'x') })),
  segments: [{ was: 'old', segment: segment('new'), file: fileOf('nobody') }],
})

async function fill(store: LogStore, count = 30): Promise<void> {
  const commits = sequence(texts(count, secret), nothing)
  await store.append(log, 0, commits.slice(0, 20))
  for (const commit of commits.slice(20)) await store.append(log, commit.first - 1, [commit])
  await store.segments!.add(log, segment('old'), fileOf(secret))
}
async function mustBeErased(store: LogStore, count = 30): Promise<void> {
  const { commits } = await store.range(log, 0, wide)
  expect(commits.slice(0, count).map(({ text }) => text)).toEqual(texts(count, 'x').map(({ text }) => text))
  const again = commits.map(({ id, contentId, text }) => ({ id, contentId, eventsCount: 1, text }))
  expect(commits).toEqual(sequence(again, nothing))
  expect(await store.segments!.get(log, 'new')).toEqual(fileOf('nobody'))
  expect(await store.segments!.get(log, 'old')).toBe('gone')
}

describe('what was erased', () => {
  test('is in no file of any stream, and the log goes on where it was', async () => {
    const [here, there] = [open(), open()]
    await fill(here)
    expect(serversWith(secret).length).toBeGreaterThanOrEqual(2)
    expect(await here.erasures!.put(log, erased(30))).toBe(true)
    await mustBeErased(there)
    for (let after = 0; after <= 30; after++)
      expect(
        (await there.range(log, after, { commitsMax: 2, bytesMax: 1_000 })).commits.map(({ last }) => last),
      ).toEqual([after + 1, after + 2].filter((last) => last <= 30))
    expect(await there.head(log)).toMatchObject({ position: 30 })
    expect(await append(there, 'more')).toBe(31)
    expect(await append(here, 'most')).toBe(32)
    await mustBeErased(here)
    await expect.poll(() => serversWith(secret), { timeout: 20_000 }).toEqual([])
  })
  test('stays so when all servers are killed, and come back', { timeout: 120_000 }, async () => {
    const store = open()
    await fill(store)
    expect(await store.erasures!.put(log, erased(30))).toBe(true)
    await Promise.all([0, 1, 2].map(cluster.kill))
    for (const nth of [0, 1, 2]) cluster.start(nth)
    await cluster.whole()
    await mustBeErased(store)
    expect(await store.head(log)).toMatchObject({ position: 30 })
    expect(await append(store, 'more')).toBe(31)
    await mustBeErased(open())
  })
  test('is taken away by another process when the one that erased died before it could', async () => {
    const connection = badNats(await connect({ servers: [...cluster.servers] }), (subject, send) =>
      subject.includes('MSG.DELETE') ? Promise.reject(new Error('killed')) : send(),
    )
    atEnd.push(() => connection.close())
    await fill(open())
    await expect(open({ connection }).erasures!.put(log, erased(30))).rejects.toThrow('killed')
    expect(serversWith(secret).length).toBeGreaterThanOrEqual(2)
    const there = open()
    expect(await there.erasures!.through(log)).toBe(30)
    await mustBeErased(there)
    await expect.poll(() => serversWith(secret), { timeout: 20_000 }).toEqual([])
  })
  test('is also taken away where a process that died had left it without anybody knowing', async () => {
    const store = open()
    await fill(store)
    await withNats(cluster.servers, async (connection) => {
      const { streams } = await (await import('@nats-io/jetstream')).jetstreamManager(connection)
      const { state } = await streams.info(`${prefix}-0`, { subjects_filter: `${prefix}.0.file.>` })
      const [file = ''] = Object.keys(state.subjects ?? {})
      const left = file.split('.').with(-2, 'left').join('.')
      await connection.request(left, `the rest of ${secret}`)
    })
    expect(await store.erasures!.put(log, erased(30))).toBe(true)
    await expect.poll(() => serversWith(secret), { timeout: 20_000 }).toEqual([])
  })
  test('is erased once where two processes do it at the same time, and a third one writes', async () => {
    const stores = [open(), open(), open()]
    await fill(stores[0]!)
    const writing = (async () => {
      for (let i = 0; i < 20; i++) await append(stores[2]!, `new${i}`)
    })()
    const done = await Promise.all([0, 1].map((i) => stores[i]!.erasures!.put(log, erased(30))))
    await writing
    expect([...done].sort()).toEqual([false, true])
    for (const store of stores) await mustBeErased(store)
    expect(await stores[1]!.head(log)).toMatchObject({ position: 50 })
  })
})

describe('a segment of which the file is being written', () => {
  /** Adds one, while something else is done to the log after its record was looked at. */
  const addDuring = async (meanwhile: () => Promise<unknown>): Promise<void> => {
    let isDone = false
    const connection = badNats(await connect({ servers: [...cluster.servers] }), async (subject, send) => {
      if (subject.includes('.file.') && !isDone) {
        isDone = true
        await meanwhile()
      }
      return send()
    })
    atEnd.push(() => connection.close())
    await open({ connection }).segments!.add(log, segment('here'), fileOf('here'), 0)
    expect(isDone).toBe(true)
  }
  test('is left out when another process is first', async () => {
    const there = open()
    await addDuring(() => there.segments!.add(log, segment('there'), fileOf('there'), 0))
    expect(await there.segments!.list(log)).toEqual([segment('there')])
    expect(await there.segments!.get(log, 'there')).toEqual(fileOf('there'))
    expect(await there.segments!.get(log, 'here')).toBeUndefined()
  })
  test('is left out when an erasure is carried out', async () => {
    const there = open()
    await addDuring(() => there.erasures!.put(log, { through: 7, commits: [], segments: [] }))
    expect(await there.segments!.list(log)).toEqual([])
    expect(await there.erasures!.through(log)).toBe(7)
    expect(serversWith('here'.repeat(50))).toEqual([])
  })
})
