import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { erasureContract } from './erasures.contract.ts'
import { bundle, run } from './process.fixture.ts'
import { segmentContract } from './segments.contract.ts'
import { nothing, sequence } from './sequence.ts'
import { sqliteStore } from './sqlite-store.ts'
import { storeContract } from './store.contract.ts'
import { isStoreError } from './store-error.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidelog-sqlite-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the SQLite store', () => {
  for (const { rule, check } of [...storeContract, ...segmentContract, ...erasureContract])
    test(rule, () => check(async (place) => sqliteStore(join(folder, place), { pollMs: 5 })))

  test('refuses a file of a newer format and leaves it as it is', async () => {
    const path = join(folder, 'newer.db')
    await sqliteStore(path).close()
    const db = new Database(path)
    db.exec(`UPDATE meta SET value = 2 WHERE key = 'format'; DROP TABLE commits`)
    expect(() => sqliteStore(path)).toThrow(/newer\.db has format 2, this version of tidelog knows 1/)
    expect(db.prepare(`SELECT name FROM sqlite_master WHERE name = 'commits'`).all()).toEqual([])
    db.close()
  })
  test('opens a file from before there were segments, which a server from before then still serves', async () => {
    const path = join(folder, 'older.db')
    const [commit] = sequence([{ id: 'a', contentId: 'a.p', eventsCount: 1, text: '{}' }], nothing)
    const older = sqliteStore(path)
    await older.append('cart', 0, [commit!])
    await older.close()
    const db = new Database(path)
    db.exec('DROP TABLE segments')
    const store = sqliteStore(path)
    expect(await store.range('cart', 0, { commitsMax: 9, bytesMax: 9 })).toMatchObject({ commits: [commit], head: 1 })
    expect(await store.segments?.list('cart')).toEqual([])
    expect(db.prepare(`SELECT value FROM meta WHERE key = 'format'`).raw().get()).toEqual([1])
    await store.close()
    db.close()
  })
  test('says which file can not be used', () => {
    expect(() => sqliteStore(join(folder, 'no', 'such', 'folder.db'))).toThrow(/folder\.db can't be opened/)
    writeFileSync(join(folder, 'text.db'), 'This is not a database. '.repeat(100))
    expect(() => sqliteStore(join(folder, 'text.db'))).toThrow(/not a database/)
  })
  test('says in a way that programs understand why a file can not be used', async () => {
    const path = join(folder, 'log.db')
    const [commit] = sequence([{ id: 'a', contentId: 'a.p', eventsCount: 1, text: 'x'.repeat(10_000) }], nothing)
    const store = sqliteStore(path)
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(store.append('cart', 0, [commit!])).rejects.toMatchObject({
      name: 'StoreError',
      code: 'sqlite/busy',
      failure: 'unavailable',
      message: expect.stringContaining(path),
    })
    other.exec('ROLLBACK')
    expect(await store.append('cart', 0, [commit!])).toEqual({ taken: 1, head: 1 })
    other.exec(`UPDATE meta SET value = 2 WHERE key = 'format'`)
    other.close()
    await store.close()
    const failureOf = (at: string): unknown => {
      try {
        return sqliteStore(at)
      } catch (error) {
        return isStoreError(error) ? `${error.code} ${error.failure}` : error
      }
    }
    writeFileSync(join(folder, 'text.db'), 'This is not a database. '.repeat(100))
    expect(failureOf(path)).toBe('sqlite/format newer-format')
    expect(failureOf(join(folder, 'no', 'such.db'))).toBe('sqlite/refused refused')
    expect(failureOf(join(folder, 'text.db'))).toBe('sqlite/damaged refused')
  })
  test('polls only while somebody watches', async () => {
    const timers = new Set<() => void>()
    const clock = {
      now: () => 0,
      after: (_ms: number, callback: () => void) => {
        timers.add(callback)
        return () => timers.delete(callback)
      },
    }
    const store = sqliteStore(join(folder, 'poll.db'), { clock })
    expect(timers.size).toBe(0)
    const stops = [store.watch('a', () => {}), store.watch('b', () => {})]
    expect(timers.size).toBe(1)
    for (const stop of stops) stop()
    expect(timers.size).toBe(0)
    store.watch('a', () => {})
    await store.append('a', 0, sequence([{ id: 'x', contentId: 'x.p', eventsCount: 1, text: '{}' }], nothing))
    await store.close()
    expect(timers.size).toBe(0)
  })
})

describe('the SQLite store in several processes', () => {
  let writerFile = ''
  beforeAll(async () => {
    writerFile = await bundle('sqlite-writer.fixture.ts')
  })
  const everything = { commitsMax: 1_000_000, bytesMax: 1_000_000_000 }

  test('keeps what a killed process had been told is kept, and no half run', async () => {
    const path = join(folder, 'killed.db')
    const writer = run(writerFile, [path, 'w', '1000000'])
    let told = 0
    while (told < 20) told = Number(await writer.line())
    writer.child.kill('SIGKILL')
    expect(await writer.ended).toBe('SIGKILL')
    for (let line = await writer.line(); line !== undefined; line = await writer.line()) told = Number(line)
    const store = sqliteStore(path)
    const { position } = await store.head('cart')
    expect(position).toBeGreaterThanOrEqual(told)
    expect(position % 2).toBe(0)
    expect((await store.range('cart', 0, everything)).commits).toHaveLength(position)
    await store.close()
  })
  test('gives one order to all of them, loses nothing and keeps each run together', async () => {
    const path = join(folder, 'shared.db')
    const writers = ['w0', 'w1', 'w2'].map((name) => run(writerFile, [path, name, '50']))
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const store = sqliteStore(path)
    const { commits } = await store.range('cart', 0, everything)
    expect(commits).toHaveLength(300)
    expect(new Set(commits.map(({ id }) => id)).size).toBe(300)
    expect(commits.filter(({ id }, i) => i % 2 === 1 && id.slice(0, -2) !== commits[i - 1]?.id.slice(0, -2))).toEqual(
      [],
    )
    const again = commits.map(({ id, contentId, text }) => ({ id, contentId, eventsCount: 1, text }))
    expect(commits).toEqual(sequence(again, nothing))
    await store.close()
  })
})
