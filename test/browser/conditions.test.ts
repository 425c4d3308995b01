// Conditions of appends, between tabs that do not know of each other's writes yet.

import { isTidelogError, unwrap } from 'tidelog'
import { expect, test } from 'vitest'
import { events, expectMisuse, type NotesLog, newKey, note, openNotes } from './notes.ts'

const tabs = (count: number): readonly NotesLog[] => {
  const key = newKey()
  return Array.from({ length: count }, () => openNotes(key))
}
const [a, b] = [note('a', { topic: 'one' }), note('b', { topic: 'one' })]

test('TS-11 an append expects any version, no stream, a stream that exists, or an exact version', async () => {
  const [log] = tabs(1) as [NotesLog]
  const append = async (expectedVersion?: number | 'exists') => {
    const outcome =
      expectedVersion === undefined
        ? await log.append('diary', [a], { expectedVersion: 'any' })
        : await log.append('diary', [a], { expectedVersion })
    return outcome.ok ? outcome.receipt.versions.diary : outcome.reason.type
  }
  expect(await append('exists')).toBe('VersionConflict')
  expect(await append(1)).toBe('VersionConflict')
  expect(await append(0)).toBe(1)
  expect(await append(0)).toBe('VersionConflict')
  expect(await append('exists')).toBe(2)
  expect(await append()).toBe(3)
  expect(await append(2)).toBe('VersionConflict')
  expect(await append(4)).toBe('VersionConflict')
  expect(await append(3)).toBe(4)
})

test('AE-1 versions rise by one per stream, and a stale expectation says what it found', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  expect(unwrap(await one.append('diary', [a, b])).events.map(({ version }) => version)).toEqual([1, 2])
  expect(unwrap(await two.append('diary', [a])).events.map(({ version }) => version)).toEqual([3])
  const stale = await one.append('diary', [b], { expectedVersion: 2 })
  expect(stale).toEqual({
    ok: false,
    reason: { type: 'VersionConflict', stream: 'diary', expected: 2, actual: 3, message: expect.stringContaining('3') },
  })
  for (const expectedVersion of [-1, 1.5, Number.NaN, 2 ** 53, Number.MAX_SAFE_INTEGER + 2])
    await expectMisuse(() => one.append('diary', [a], { expectedVersion }))
  for (const stream of ['', 'x'.repeat(513)]) await expectMisuse(() => one.append(stream, [a]))
  const highest = await one.append('diary', [b], { expectedVersion: Number.MAX_SAFE_INTEGER })
  expect(highest.ok ? undefined : highest.reason.type).toBe('VersionConflict')
  for (const stream of ['__proto__', 'constructor', 'a/b c', '😀', 'x'.repeat(512)]) {
    const out = unwrap(await one.append(stream, [a, b], { expectedVersion: 0 }))
    expect(Object.entries(out.receipt.versions)).toEqual([[stream, 2]])
    expect((await two.streamHead(stream)).version).toBe(2)
  }
})

test('DCB-2 an append is refused when an event after the marker matches, and without a marker when any does', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const query = { types: ['NoteTaken' as const], tags: { topic: 'one' } }
  const { head } = await one.read({ query }).all()
  unwrap(await two.append('other', [note('x', { topic: 'two' })]))
  unwrap(await one.append('diary', [a], { failIfEventsMatch: query, after: head }))
  const late = await two.append('diary', [b], { failIfEventsMatch: query, after: head })
  expect(late.ok ? undefined : late.reason.type).toBe('ConditionConflict')
  const any = await two.append('diary', [b], { failIfEventsMatch: query })
  expect(any.ok ? undefined : any.reason.type).toBe('ConditionConflict')
  const fresh = await two.read({ query }).all()
  unwrap(await two.append('diary', [b], { failIfEventsMatch: query, after: fresh.head }))
  unwrap(await one.append('diary', [b], { failIfEventsMatch: { tags: { topic: 'three' } } }))
})

test('DCB-3 a read by query returns the head it saw, also when it is empty', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const query = { tags: { topic: 'one' } }
  const empty = one.read({ query })
  const head = await empty.head
  expect(await empty.all()).toEqual({ events: [], head })
  unwrap(await two.append('other', [note('x', { topic: 'two' })]))
  unwrap(await two.append('diary', [a], { failIfEventsMatch: query, after: head }))
  const refused = await one.append('diary', [b], { failIfEventsMatch: query, after: head })
  expect(refused.ok).toBe(false)
  const read = one.read({ query, limit: 0 })
  expect((await read.all()).events).toEqual([])
  unwrap(await one.append('diary', [b], { failIfEventsMatch: query, after: await read.head }))
})

test('DCB-7 a conflict carries the events that caused it, from another tab and from the same tick', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const query = { tags: { topic: 'one' } }
  const { head } = await one.read({ query }).all()
  const first = unwrap(await two.append('diary', [a, note('x', { topic: 'two' })]))
  const late = await one.append('diary', [b], { failIfEventsMatch: query, after: head })
  expect(late.ok ? undefined : late.reason).toMatchObject({ type: 'ConditionConflict', events: [first.events[0]] })
  const seen = await one.read({ query }).all()
  const [won, lost] = await Promise.all([
    one.append('diary', [b], { failIfEventsMatch: query, after: seen.head }),
    one.append('diary', [a], { failIfEventsMatch: query, after: seen.head }),
  ])
  expect(lost.ok ? undefined : lost.reason).toMatchObject({ type: 'ConditionConflict', events: unwrap(won).events })
})

test('a version that was read with its marker is refused when the stream has moved since', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const { head } = await one.read({ stream: 'diary' }).all()
  unwrap(await two.append('diary', [a]))
  const late = await one.append('diary', [b], { expectedVersion: 1, after: head })
  expect(late.ok ? undefined : late.reason).toMatchObject({ type: 'VersionConflict', expected: 1, actual: 1 })
  const { marker } = await two.logHead()
  unwrap(await one.append('diary', [b], { expectedVersion: 1, after: marker }))
})

test('a marker of another database is expired, for a condition and for a read', async () => {
  const [here] = tabs(1) as [NotesLog]
  const [there] = tabs(1) as [NotesLog]
  const { marker } = await there.logHead()
  const isExpired = (error: unknown) => isTidelogError(error, 'tidelog/marker-expired')
  await expect(here.append('diary', [a], { failIfEventsMatch: {}, after: marker })).rejects.toSatisfy(isExpired)
  await expect(here.read({ after: marker }).all()).rejects.toSatisfy(isExpired)
  unwrap(await here.append('diary', [a], { failIfEventsMatch: {} }))
})

test('appending the same under its id again is the same append, in whichever tab; other content is refused', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const first = unwrap(await one.append('diary', [a, b], { commitId: 'mine', expectedVersion: 0 }))
  const again = unwrap(await two.append('diary', [a, b], { commitId: 'mine', expectedVersion: 0 }))
  expect(again.events).toEqual(first.events)
  expect(again.receipt.versions).toEqual({ diary: 2 })
  const other = await two.append('diary', [b], { commitId: 'mine' })
  expect(other.ok ? undefined : other.reason).toMatchObject({ type: 'IdTaken', commitId: 'mine' })
  expect((await one.read().all()).events).toEqual(first.events)
})

test('a commit over several streams holds for all of them or is not there at all', async () => {
  const [one, two] = tabs(2) as [NotesLog, NotesLog]
  const both = [
    { stream: 'left', events: [a], expectedVersion: 0 as const },
    { stream: 'right', events: [b, a], expectedVersion: 0 as const },
  ]
  const out = unwrap(await one.append(both))
  expect(out.receipt.versions).toEqual({ left: 1, right: 2 })
  expect(new Set(out.events.map(({ id }) => id.split('.')[0])).size).toBe(1)
  const refused = await two.append([
    { stream: 'fresh', events: [a], expectedVersion: 0 },
    { stream: 'right', events: [b], expectedVersion: 1 },
  ])
  expect(refused.ok ? undefined : refused.reason).toMatchObject({ type: 'VersionConflict', stream: 'right', actual: 2 })
  expect(await two.streamHead('fresh')).toEqual({ version: 0, confirmed: 0 })
  const measured = unwrap(
    await two.append([events.Measured({ sensor: 'x', value: 1 }), events.Measured({ sensor: 'y', value: 2 })]),
  )
  expect(measured.events.map(({ stream, version }) => [stream, version])).toEqual([
    ['sensor-x', 1],
    ['sensor-y', 1],
  ])
})
