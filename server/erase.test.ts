import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createServer, json, problemOf, pulled, pushed, pushRequest, runOf } from './handler.fixture.ts'
import type { Sketch } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { bytesOf, get, listOf, push, sealedCommits, sketchesOf, small, toldStore } from './segments.fixture.ts'
import { sqliteStore } from './sqlite-store.ts'
import type { LogStore } from './store.ts'

const erasure = (stream: string, data: object = {}): Sketch => ({
  id: `erase ${stream}`,
  events: [{ type: '$erased', stream, data }],
})
/** A store that tells when an erasure is carried out up to a position. */
function erasing(inner: LogStore) {
  const told = toldStore(inner)
  const { erasures } = inner
  if (erasures === undefined) throw new Error('a store with erasures')
  const put: typeof erasures.put = async (log, erased) => {
    const isPut = await erasures.put(log, erased)
    if (isPut) told.say(`erased ${log} ${erased.through}`)
    return isPut
  }
  return { ...told, store: { ...told.store, erasures: { ...erasures, put } } }
}
const stores: Readonly<Record<string, (folder: string) => LogStore>> = {
  memory: () => memoryStore(),
  SQLite: (folder) => sqliteStore(join(folder, 'logs.db')),
}

describe.each(Object.entries(stores))('an erasure, with %s', (name, open) => {
  const within = async (work: (store: LogStore, folder: string) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'tidelog-erase-'))
    const store = open(folder)
    try {
      await work(store, folder)
    } finally {
      await store.close()
      await rm(folder, { recursive: true })
    }
  }

  test('removes data from commits and segments, and nothing else; the old file is gone', () =>
    within(async (inner, folder) => {
      const { store, said } = erasing(inner)
      const { handler, errors } = createServer({ store, limits: small })
      const all = sketchesOf(0, 20, 2).map((sketch, at) => ({
        ...sketch,
        events: sketch.events?.map((event) => ({ ...event, data: { text: `${event.stream} secret ${at}` } })) ?? [],
      }))
      await push(handler, all)
      await said('added cart 30')
      const before = await listOf(handler)
      const files = await Promise.all(before.map(({ hash }) => bytesOf(handler, hash)))
      await push(handler, [erasure('s1')])
      await said('erased cart 41')

      const { commits } = await pulled(handler)
      const facts = [...commits].flatMap(({ events }) => events)
      expect(facts).toHaveLength(41)
      for (const { stream, data, type } of facts)
        if (type !== '$erased') expect([stream, data === null]).toEqual([stream, stream === 's1'])
      expect(JSON.stringify(commits)).not.toContain('s1 secret')
      expect(JSON.stringify(commits)).toContain('s2 secret')

      const after = await listOf(handler)
      expect(after.map(({ first, last, digest }) => [first, last, digest])).toEqual(
        before.map(({ first, last, digest }) => [first, last, digest]),
      )
      const sealed = await sealedCommits(handler)
      expect(JSON.stringify(sealed)).not.toContain('s1 secret')
      expect(sealed.map(({ commit }) => commit.id)).toEqual(commits.slice(0, sealed.length).map(({ id }) => id))
      for (const [at, { hash }] of before.entries()) {
        expect(files[at]?.length).toBeGreaterThan(0)
        expect(await problemOf(await handler(get(`cart/segments/${hash}`)))).toBe('410 gone')
      }
      expect(errors).toEqual([])
      if (name === 'SQLite')
        for (const file of await readdir(folder)) {
          const bytes = await readFile(join(folder, file))
          expect([file, bytes.includes('s1 secret')]).toEqual([file, false])
        }
    }))

  test('is carried out by the next server when one stopped before it was', () =>
    within(async (inner) => {
      const first = createServer({ store: { ...inner, erasures: undefined as never }, limits: small })
      await push(first.handler, sketchesOf(0, 4))
      await push(first.handler, [erasure('s1', { reason: 'asked for' })])
      const { store, said } = erasing(inner)
      const { handler } = createServer({ store, limits: small })
      await push(handler, sketchesOf(4, 1))
      await said('erased cart 6')
      const { commits } = await pulled(handler)
      expect(commits.map(({ events }) => events[0]?.data === null)).toEqual([false, true, false, false, false, false])
    }))

  test('of a pattern goes as far as it says', () =>
    within(async (inner) => {
      const { store, said } = erasing(inner)
      const { handler } = createServer({ store, limits: small })
      await push(handler, sketchesOf(0, 4))
      await push(handler, [erasure('s*', { isPattern: true, through: 2 })])
      await said('erased cart 5')
      const { commits } = await pulled(handler)
      expect(commits.map(({ events }) => events[0]?.data === null)).toEqual([true, true, false, false, false])
    }))
})

test('an erasure that says nothing of use is rejected', async () => {
  const { handler } = createServer()
  const answer = await pushed(handler, [erasure('s1', { through: -1 })])
  expect(answer).toMatchObject({ status: 'verdicts', verdicts: [{ verdict: 'rejected' }] })
})

test('a stream that was closed takes nothing any more from who has not seen it', async () => {
  const { handler } = createServer()
  await pushed(handler, [{ id: 'A' }, { id: 'end', events: [{ type: '$closed', stream: 's', data: {} }] }])
  const answer = await pushed(handler, [
    { id: 'B', events: [{ stream: 't' }] },
    { id: 'C', events: [{ stream: 's' }] },
  ])
  expect(answer).toMatchObject({ verdicts: [{ verdict: 'accepted' }, { verdict: 'conflict', positions: [2] }] })
  const run = { ...runOf([{ id: 'D', events: [{ type: '$erased', stream: 's', data: {} }] }]) }
  const erased = await (await handler(pushRequest(run, json))).json()
  expect(erased).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
})
