// Reads through the public API, against a log that is known.

import { unwrap } from 'tidelog'
import { expect, test } from 'vitest'
import { events, expectMisuse, type NotesLog, newKey, note, openNotes } from './notes.ts'

/** a1 b1 a2 c1 a3 b2: stream and version, at the positions 1 to 6. */
async function known(): Promise<NotesLog> {
  const log = openNotes(newKey())
  const measured = (sensor: string, value: number) => events.Measured({ sensor, value })
  unwrap(await log.append('a', [note('1', { topic: 'x', author: 'ann' })]))
  unwrap(await log.append([measured('b', 1)]))
  unwrap(
    await log.append([
      { stream: 'a', events: [note('2', { topic: 'y', author: 'ann' })] },
      { stream: 'c', events: [events.NoteErased({ text: '1', topic: 'x', author: 'bob' })] },
    ]),
  )
  unwrap(await log.append('a', [note('3', { topic: 'x', author: 'bob' })]))
  unwrap(await log.append([measured('b', 2)]))
  return log
}
const positions = async (read: { all(): Promise<{ events: readonly { position: number | undefined }[] }> }) =>
  (await read.all()).events.map(({ position }) => position)

test('gives streams, ranges, directions and limits', async () => {
  const log = await known()
  const all = [1, 2, 3, 4, 5, 6]
  expect(await positions(log.read())).toEqual(all)
  expect(await positions(log.read({ direction: 'backwards' }))).toEqual([6, 5, 4, 3, 2, 1])
  expect(await positions(log.read({ limit: 2 }))).toEqual([1, 2])
  expect(await positions(log.read({ limit: 0 }))).toEqual([])
  expect(await positions(log.read({ limit: 2, direction: 'backwards' }))).toEqual([6, 5])
  expect(await positions(log.read({ fromPosition: 2, toPosition: 4 }))).toEqual([2, 3, 4])
  expect(await positions(log.read({ fromPosition: 4, direction: 'backwards' }))).toEqual([6, 5, 4])
  expect(await positions(log.read({ fromPosition: 7 }))).toEqual([])
  expect(await positions(log.read({ toPosition: 0 }))).toEqual([])
  expect(await positions(log.read({ stream: 'a' }))).toEqual([1, 3, 5])
  expect(await positions(log.read({ stream: 'a', query: { tags: { topic: 'x' } } }))).toEqual([1, 5])
  expect(await positions(log.read({ stream: 'none' }))).toEqual([])
})

test('AE-3 a stream is read from a version, and is empty when there is none', async () => {
  const log = await known()
  expect(await positions(log.read({ stream: 'a', fromVersion: 2 }))).toEqual([3, 5])
  expect(await positions(log.read({ stream: 'a', fromVersion: 2, toVersion: 2 }))).toEqual([3])
  expect(await positions(log.read({ stream: 'a', toVersion: 2, direction: 'backwards' }))).toEqual([3, 1])
  expect(await positions(log.read({ stream: 'a', fromVersion: 4 }))).toEqual([])
  expect(await positions(log.read({ stream: 'a', toVersion: 0 }))).toEqual([])
  expect(await positions(log.read({ stream: 'none', fromVersion: 1 }))).toEqual([])
})

test('DCB-1 a query is all events, or items of which one holds: any of the types and all of the tags', async () => {
  const log = await known()
  expect(await positions(log.read({ query: {} }))).toEqual([1, 2, 3, 4, 5, 6])
  expect(await positions(log.read({ query: { types: ['NoteErased', 'Measured'] } }))).toEqual([2, 4, 6])
  expect(await positions(log.read({ query: { tags: { topic: 'x' } } }))).toEqual([1, 4, 5])
  expect(await positions(log.read({ query: { tags: { topic: 'x', author: 'ann' } } }))).toEqual([1])
  const both = { types: ['NoteTaken' as const], tags: { author: 'bob' } }
  expect(await positions(log.read({ query: both }))).toEqual([5])
  expect(await positions(log.read({ query: [both, { tags: { sensor: 'b' } }] }))).toEqual([2, 5, 6])
  expect(await positions(log.read({ query: [both, both, {}], direction: 'backwards' }))).toEqual([6, 5, 4, 3, 2, 1])
  const { head } = await log.read({ limit: 0 }).all()
  for (const query of [{}, both, { tags: { topic: 'x', author: 'ann' } }]) {
    expect((await log.append('z', [note('z')], { failIfEventsMatch: query })).ok).toBe(false)
    unwrap(await log.append('z', [note('z')], { failIfEventsMatch: { tags: { topic: 'nobody' } }, after: head }))
  }
})

test('reads after a marker only what came later, and gives the same head to an iteration', async () => {
  const log = await known()
  const { head } = await log.read().all()
  expect(await positions(log.read({ after: head }))).toEqual([])
  unwrap(await log.append('a', [note('4'), note('5')]))
  expect(await positions(log.read({ after: head }))).toEqual([7, 8])
  expect(await positions(log.read({ after: head, direction: 'backwards', limit: 1 }))).toEqual([8])
  const seen: unknown[] = []
  for await (const event of log.read({ after: head })) seen.push(event.position)
  expect(seen).toEqual([7, 8])
})

test('a read of many pages is one moment, whatever is written meanwhile', async () => {
  const log = openNotes(newKey())
  const facts = Array.from({ length: 4_500 }, (_, at) => note(`${at}`))
  unwrap(await log.append('diary', facts))
  const seen: unknown[] = []
  for await (const event of log.read()) {
    if (seen.length === 0) unwrap(await log.append('diary', [note('meanwhile')]))
    seen.push(event.position)
  }
  expect(seen).toEqual(facts.map((_, at) => at + 1))
  expect((await positions(log.read({ direction: 'backwards' }))).slice(0, 2)).toEqual([4_501, 4_500])
})

test('AE-4 the last version of a stream is right also when another tab has just written', async () => {
  const key = newKey()
  const [one, two] = [openNotes(key), openNotes(key)]
  expect(await two.streamHead('a')).toEqual({ version: 0, confirmed: 0 })
  for (let version = 1; version <= 20; version++) {
    unwrap(await one.append('a', [note('x')]))
    expect(await two.streamHead('a')).toEqual({ version, confirmed: version })
  }
  const start = performance.now()
  unwrap(
    await one.append(
      'b',
      Array.from({ length: 5_000 }, () => note('y')),
    ),
  )
  const wrote = performance.now() - start
  const before = performance.now()
  expect((await one.streamHead('a')).version).toBe(20)
  // Nothing of the 5,000 events is read for it.
  expect(performance.now() - before).toBeLessThan(Math.max(50, wrote))
})

test('an event that was returned can not be changed, and changing what was appended changes nothing', async () => {
  const log = openNotes(newKey())
  const data = { text: 'mine', topic: 'x' }
  const appending = log.append('a', [events.NoteTaken(data)])
  data.text = 'changed'
  const out = unwrap(await appending)
  const { events: found } = await log.read().all()
  for (const event of [...out.events, ...found]) {
    expect(() => Object.assign(event, { version: 9 })).toThrow(TypeError)
    expect(() => Object.assign(event.data, { text: 'changed' })).toThrow(TypeError)
    expect(() => Object.assign(event.tags, { 0: 'topic:y' })).toThrow(TypeError)
  }
  expect((await log.read().all()).events).toEqual(out.events)
  expect(out.events[0]?.data).toEqual({ text: 'mine', topic: 'x' })
})

test('refuses what is no read', async () => {
  const log = openNotes(newKey())
  for (const limit of [-1, 1.5, Number.NaN]) await expectMisuse(() => log.read({ limit }).all())
  for (const stream of ['', 'x'.repeat(513)]) await expectMisuse(() => log.read({ stream }).all())
  await expectMisuse(() => log.read({ fromVersion: 1 }).all())
  await expectMisuse(() => log.read({ stream: 'a', fromVersion: -1 }).all())
  await expectMisuse(() => log.read({ fromPosition: 2 ** 53 }).all())
  await expectMisuse(() => log.read({ query: [] }).all())
  const misspelt: object = { limits: 3 }
  await expectMisuse(() => log.read(misspelt).all())
  await expectMisuse(() => log.streamHead(''))
})
