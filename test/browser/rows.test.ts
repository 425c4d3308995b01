// PROTOCOL §1: one row per write, as the disk shows it.

import { unwrap } from 'tidelog'
import { expect, test } from 'vitest'
import { newKey, note, openNotes } from './notes.ts'
import { commitsIn, rawDatabase, rawStore } from './raw.ts'

const range = (length: number): readonly number[] => Array.from({ length }, (_, at) => at + 1)

test('each awaited append is one row at the next revision, and nothing else is written', async () => {
  const key = newKey()
  const log = openNotes(key)
  await log.ready
  const { state } = await rawDatabase(key)
  for (const text of ['a', 'b', 'c']) unwrap(await log.append('diary', [note(text), note(`${text}2`)]))
  const { writes, ...others } = await rawDatabase(key)
  expect(writes?.keys).toEqual([1, 2, 3])
  const found = writes?.rows.map((row) => ({
    kind: row.kind,
    format: row.format,
    first: row.first,
    texts: commitsIn(row).flatMap(({ events }) => events.map(({ data }) => data)),
  }))
  expect(found).toEqual([
    { kind: 'append', format: 1, first: 1, texts: [{ text: 'a' }, { text: 'a2' }] },
    { kind: 'append', format: 1, first: 3, texts: [{ text: 'b' }, { text: 'b2' }] },
    { kind: 'append', format: 1, first: 5, texts: [{ text: 'c' }, { text: 'c2' }] },
  ])
  expect(Object.keys(others)).toEqual(['dir', 'log', 'state'])
  expect(others.log?.keys).toEqual([])
  expect(others.dir?.keys).toEqual([])
  expect(others.state).toEqual(state)
})

test('the database is version 1 and holds its own identity from the first day', async () => {
  const key = newKey()
  const log = openNotes(key)
  const { marker } = await log.logHead()
  const [info] = (await indexedDB.databases()).filter(({ name }) => name?.endsWith(key))
  expect(info?.version).toBe(1)
  const { state } = await rawDatabase(key)
  expect(state?.rows).toEqual([{ chain: 'database', n: 0, format: 1, id: marker.database }])
})

test('appends of one tick are one row, each with its own outcome', async () => {
  const key = newKey()
  const log = openNotes(key)
  const outcomes = await Promise.all([
    log.append('diary', [note('first')], { expectedVersion: 0 }),
    log.append('diary', [note('late')], { expectedVersion: 0 }),
    log.append('diary', [note('second')], { expectedVersion: 1 }),
    log.append('other', [note('third')]),
  ])
  expect(outcomes.map((out) => (out.ok ? out.receipt.versions : out.reason.type))).toEqual([
    { diary: 1 },
    'VersionConflict',
    { diary: 2 },
    { other: 1 },
  ])
  const { keys, rows } = await rawStore(key, 'writes')
  expect(keys).toEqual([1])
  expect(commitsIn(rows[0]).map(({ events }) => events[0]?.data)).toEqual([
    { text: 'first' },
    { text: 'second' },
    { text: 'third' },
  ])
  const placed = outcomes.flatMap((out) => (out.ok ? out.events.map(({ position }) => position) : []))
  expect(placed).toEqual([1, 2, 3])
})

test('a group stops at 600 kB, and the rows stay without a gap', async () => {
  const key = newKey()
  const log = openNotes(key)
  await log.ready
  const text = 'x'.repeat(100_000)
  const outcomes = await Promise.all(range(17).map((at) => log.append(`s-${at}`, [note(text)])))
  expect(outcomes.every(({ ok }) => ok)).toBe(true)
  const { keys, rows } = await rawStore(key, 'writes')
  expect(keys).toEqual(range(keys.length))
  expect(rows.map((row) => commitsIn(row).length)).toEqual([5, 5, 5, 2])
  for (const { commits } of rows) expect(String(commits).length).toBeLessThan(610_000)
  expect(rows.map(({ first }) => first)).toEqual([1, 6, 11, 16])
})

test('one commit may be larger than a group and is still one row', async () => {
  const key = newKey()
  const log = openNotes(key)
  const big = range(30).map((at) => note(`${at}${'x'.repeat(25_000)}`))
  const [large, small] = await Promise.all([log.append('diary', big), log.append('diary', [note('small')])])
  expect([large.ok, small.ok]).toEqual([true, true])
  const { rows } = await rawStore(key, 'writes')
  expect(rows.map((row) => commitsIn(row).map(({ events }) => events.length))).toEqual([[30], [1]])
})

test('an append that is refused writes nothing', async () => {
  const key = newKey()
  const log = openNotes(key)
  unwrap(await log.append('diary', [note('a')]))
  const before = await rawDatabase(key)
  const refused = await log.append('diary', [note('b')], { expectedVersion: 0 })
  const forbidden = await log.append('diary', [note('b')], { failIfEventsMatch: { types: ['NoteTaken'] } })
  expect([refused.ok, forbidden.ok]).toEqual([false, false])
  expect(await rawDatabase(key)).toEqual(before)
})
