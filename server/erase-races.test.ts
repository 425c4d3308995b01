import { describe, expect, test } from 'vitest'
import { hashOf, packFile, readFile } from '../src/segments/file.ts'
import { gunzip } from '../src/segments/gzip.ts'
import { type DueErasures, eraseIn, scan } from './erase.ts'
import { createServer, pulled, pushed, pushRequest, runOf } from './handler.fixture.ts'
import type { Sketch } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { listOf, push, sealedCommits, sketchesOf, small, toldStore } from './segments.fixture.ts'
import type { ErasureStore, LogStore } from './store.ts'

const log = 'cart'
const erasure = (stream: string): Sketch => ({ id: `erase ${stream}`, events: [{ type: '$erased', stream, data: {} }] })
const calm = async (): Promise<void> => {}

function erasuresOf({ erasures }: LogStore): ErasureStore {
  if (erasures === undefined) throw new Error('a store with erasures')
  return erasures
}
/** A log of thirteen events in four streams, ten of them sealed, that nobody erases in. */
async function sealed() {
  const { store, said } = toldStore(memoryStore())
  const { handler } = createServer({ store: { ...store, erasures: undefined as never }, limits: small })
  await push(handler, sketchesOf(0, 13))
  await said('added cart 10')
  handler.stop()
  const erasures = erasuresOf(store)
  const dueBehind = (after: number): Promise<DueErasures> => scan(store, log, after, calm)
  /** Asks for an erasure without carrying it out. */
  const ask = async (stream: string): Promise<void> => {
    await pushed(createServer({ store: { ...store, erasures: undefined as never } }).handler, [erasure(stream)])
  }
  return { store, erasures, ask, dueBehind }
}
/** Streams that have data somewhere at the server. */
async function streamsLeft(store: LogStore): Promise<readonly string[]> {
  const { handler } = createServer({ store: { ...store, erasures: undefined as never }, limits: small })
  const { commits } = await pulled(handler)
  const files = await sealedCommits(handler)
  handler.stop()
  const events = [...commits, ...files.map(({ commit }) => commit)].flatMap((commit) => commit.events)
  return [
    ...new Set(events.flatMap(({ stream, data, type }) => (data === null || type === '$erased' ? [] : stream))),
  ].sort()
}

describe('two servers that erase in one store', () => {
  test('bring nothing back that the other one erased, whoever is slow', async () => {
    for (const slow of ['commits', 'segments', 'end'] as const) {
      const { store, erasures, ask, dueBehind } = await sealed()
      await ask('s1')
      const due = await dueBehind(0)
      await ask('s2')
      let isSlow = true
      const put: ErasureStore['put'] = async (name, erased) => {
        const now = erased.commits.length > 0 ? 'commits' : erased.segments.length > 0 ? 'segments' : 'end'
        if (isSlow && now === slow) {
          isSlow = false
          await eraseIn({ store, erasures, pause: calm }, log, await dueBehind(0))
          expect(await streamsLeft(store)).toEqual(['s0', 's3'])
        }
        return erasures.put(name, erased)
      }
      await eraseIn({ store, erasures: { ...erasures, put }, pause: calm }, log, due)
      expect([slow, isSlow, await streamsLeft(store), await erasures.through(log)]).toEqual([
        slow,
        false,
        ['s0', 's3'],
        15,
      ])
    }
  })

  test('carry out both, whoever is first', async () => {
    for (const slow of ['commits', 'segments'] as const) {
      const { store, erasures, ask, dueBehind } = await sealed()
      await ask('s1')
      const first = await dueBehind(0)
      await ask('s2')
      const both = await dueBehind(0)
      let isSlow = true
      const put: ErasureStore['put'] = async (name, erased) => {
        if (isSlow && erased[slow].length > 0) {
          isSlow = false
          await eraseIn({ store, erasures, pause: calm }, log, first)
        }
        return erasures.put(name, erased)
      }
      await eraseIn({ store, erasures: { ...erasures, put }, pause: calm }, log, both)
      expect([slow, isSlow, await streamsLeft(store)]).toEqual([slow, false, ['s0', 's3']])
    }
  })
})

test('a segment that was made of what is erased meanwhile is erased as well', async () => {
  const { store, erasures, ask, dueBehind } = await sealed()
  await push(createServer({ store: { ...store, erasures: undefined as never } }).handler, sketchesOf(13, 4))
  await ask('s1')
  const due = await dueBehind(0)
  const [listed] = (await store.segments?.list(log)) ?? []
  const old = await readFile((await store.segments?.get(log, listed?.hash ?? '')) as Uint8Array<ArrayBuffer>)
  let isAdded = false
  const put: ErasureStore['put'] = async (name, erased) => {
    if (erased.commits.length + erased.segments.length === 0 && !isAdded && old !== undefined) {
      isAdded = true
      const file = await packFile({ ...old, first: 11, last: 20 })
      const segment = { first: 11, last: 20, digest: old.digest, hash: await hashOf(file), bytes: file.length }
      await store.segments?.add(log, segment, file, 0)
    }
    return erasures.put(name, erased)
  }
  await eraseIn({ store, erasures: { ...erasures, put }, pause: calm }, log, due)
  expect([isAdded, await erasures.through(log)]).toEqual([true, 18])
  const after = (await store.segments?.list(log)) ?? []
  expect(after.map(({ first }) => first)).toEqual([1, 11])
  for (const { hash } of after) {
    const file = await readFile((await store.segments?.get(log, hash)) as Uint8Array<ArrayBuffer>)
    const texts = await Promise.all(file?.parts.map(gunzip) ?? [])
    expect(texts.join('')).toContain('"stream":"s1","data":null')
    expect(texts.join('')).not.toMatch(/"stream":"s1","data":\{/)
  }
})

test('a segment is not made of what the sealer read before an erasure', async () => {
  const inner = memoryStore()
  const erasures = erasuresOf(inner)
  const told = toldStore(inner)
  let isRead = false
  const range: LogStore['range'] = async (name, after, limits) => {
    const page = await told.store.range(name, after, limits)
    const [commit] = page.commits
    if (limits.commitsMax !== 500 || isRead || commit === undefined) return page
    isRead = true
    const text = commit.text.replace('Grüße 😀 0', 'erased')
    await erasures.put(name, { through: 12, commits: [{ last: commit.last, was: commit.text, text }], segments: [] })
    return page
  }
  const { handler, errors } = createServer({ store: { ...told.store, range, erasures }, limits: small })
  await push(handler, sketchesOf(0, 13))
  await expect.poll(() => listOf(handler)).toHaveLength(1)
  const [first] = await sealedCommits(handler)
  expect([isRead, first?.commit.events[0]?.data, errors]).toEqual([true, { text: 'erased' }, []])
})

test('the metadata of a commit goes from all parts of a file', async () => {
  const { store, said } = toldStore(memoryStore())
  const { handler } = createServer({ store: { ...store, erasures: undefined as never }, limits: small })
  const events = Array.from({ length: 300 }, (_, at) => ({ stream: at < 150 ? 's1' : 't1', data: `${at}` }))
  const metadata = { desk: 'secret desk' }
  const run = { ...runOf([{ id: 'big', events }]) } as { commits: object[] }
  await handler(pushRequest({ ...run, commits: run.commits.map((commit) => ({ ...commit, metadata })) }))
  await push(handler, sketchesOf(0, 4))
  await said('added cart 300')
  await push(handler, [erasure('s1')])
  expect(JSON.stringify(await sealedCommits(handler))).toContain('secret desk')
  await eraseIn({ store, erasures: erasuresOf(store), pause: calm }, log, await scan(store, log, 0, calm))
  expect(JSON.stringify(await sealedCommits(handler))).not.toContain('secret desk')
  expect(JSON.stringify((await pulled(handler)).commits)).not.toContain('secret desk')
})

test('an erasure is carried out by the next server that is asked for the segments', async () => {
  const { store, erasures, ask } = await sealed()
  await ask('s1')
  const { handler } = createServer({ store, limits: small })
  await listOf(handler)
  await expect.poll(() => erasures.through(log)).toBe(14)
  expect(await streamsLeft(store)).toEqual(['s0', 's2', 's3'])
})

test('erasing ends with an error where a file can never be had', async () => {
  const { store, erasures, ask, dueBehind } = await sealed()
  await ask('s1')
  const segments = { ...store.segments, get: async () => undefined } as never
  const due = await dueBehind(0)
  await expect(eraseIn({ store: { ...store, segments }, erasures, pause: calm }, log, due)).rejects.toThrow('segment')
  expect(await erasures.through(log)).toBe(0)
})

test('an erasure is carried out beside one log after the other, and a store that fails is tried again', async () => {
  const inner = memoryStore()
  const own = erasuresOf(inner)
  let isFull = true
  const told: string[] = []
  const done = new Map<string, () => void>()
  const put: ErasureStore['put'] = async (name, erased) => {
    if (isFull) throw new Error('full')
    const isPut = await own.put(name, erased)
    if (erased.sealed !== undefined) told.push(name)
    if (erased.sealed !== undefined) done.get(name)?.()
    return isPut
  }
  const timers: (() => void)[] = []
  const clock = {
    now: () => 0,
    after: (ms: number, callback: () => void) => {
      if (ms >= 60_000) timers.push(callback)
      return () => {}
    },
  }
  const store = { ...inner, erasures: { ...own, put } }
  const { handler, errors } = createServer({ store, clock })
  for (const name of ['cart', 'other']) await push(handler, [...sketchesOf(0, 4), erasure('s1')], name)
  await expect.poll(() => errors.length).toBe(2)
  isFull = false
  const both = ['cart', 'other'].map((name) => new Promise<void>((resolve) => done.set(name, resolve)))
  for (const retry of timers.splice(0)) retry()
  await Promise.all(both)
  expect(told).toEqual(['cart', 'other'])
  expect(JSON.stringify((await pulled(handler)).commits)).not.toContain('😀 1"')
  expect(await listOf(handler)).toEqual([])
})

test('an event is refused that is said to be erased and has data', async () => {
  const { handler } = createServer()
  const answer = await pushed(handler, [{ id: 'A', events: [{ stream: 's', data: { text: 'odd' }, isErased: true }] }])
  expect(answer).toMatchObject({ status: 'verdicts', verdicts: [{ verdict: 'rejected' }] })
})
