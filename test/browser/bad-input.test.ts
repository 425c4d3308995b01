// Whatever a caller hands in: a typed outcome or a `tidelog/argument`, and nothing is written.

import { type Marker, unwrap } from 'tidelog'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type events, expectMisuse, type NotesLog, newKey, note, openNotes } from './notes.ts'
import { rawDatabase } from './raw.ts'

const key = newKey()
let log: NotesLog
let before: unknown
beforeAll(async () => {
  log = openNotes(key, { forFile: true })
  unwrap(await log.append('diary', [note('there before')]))
})
beforeEach(async () => {
  before = await appended()
})
afterAll(async () => {
  unwrap(await log.append('diary', [note('works as before')], { expectedVersion: 1 }))
})
const nothingIsWritten = async () => expect(await appended()).toEqual(before)
/** What was there before may be sealed at any time. */
async function appended(): Promise<unknown> {
  const { writes, state } = await rawDatabase(key)
  const letters = state?.rows.filter(({ chain }) => chain !== 'checkpoint')
  return [writes?.rows.filter(({ kind }) => kind !== 'seal').map(({ revision }) => revision), letters]
}

/** A fact with data that the types would not let through. */
const hostile = (data: unknown) => ({ type: 'NoteTaken', data }) as ReturnType<typeof note>

const cycle: Record<string, unknown> = { text: 'c' }
cycle.self = { inner: [cycle] }
class Point {
  x = 1
}
let deep: unknown = 'bottom'
for (let at = 0; at < 300; at++) deep = [deep]

test.each([
  ['a function', { text: 'a', f: () => 1 }, 'data.f'],
  ['a symbol', { text: 'a', s: Symbol('s') }, 'data.s'],
  ['a cycle', cycle, 'data.self.inner.0'],
  ['undefined in a list', { text: 'a', list: [1, undefined] }, 'data.list.1'],
  ['a bigint', { text: 'a', n: 1n }, 'data.n'],
  ['NaN', { text: 'a', n: Number.NaN }, 'data.n'],
  ['infinity', { text: 'a', n: [Number.POSITIVE_INFINITY] }, 'data.n.0'],
  ['a date', { text: 'a', at: new Date(0) }, 'data.at'],
  ['a map', { text: 'a', m: new Map() }, 'data.m'],
  ['a set', { text: 'a', m: new Set([1]) }, 'data.m'],
  ['bytes', { text: 'a', m: new Uint8Array(2) }, 'data.m'],
  ['an instance of a class', { text: 'a', p: new Point() }, 'data.p'],
  [
    'a getter that throws',
    {
      text: 'a',
      get bad() {
        throw new Error('no')
      },
    },
    'data',
  ],
  ['too deep nesting', { text: 'a', deep }, 'data.deep'],
  ['undefined itself', undefined, 'data'],
])('%s in the data is answered with its path', async (_, data, path) => {
  const out = await log.append('diary', [note('fine'), hostile(data)])
  expect(out.ok ? undefined : out.reason).toMatchObject({ type: 'Invalid', message: expect.any(String) })
  const issues = !out.ok && out.reason.type === 'Invalid' ? out.reason.issues : []
  expect(issues.some((issue) => issue.path.startsWith(`events[1].${path}`))).toBe(true)
  await nothingIsWritten()
})

test('data that the schema refuses is answered with what is missing', async () => {
  const missing = { type: 'Measured', data: { sensor: 's' } } as ReturnType<typeof events.Measured>
  const wrong = { type: 'Measured', data: { sensor: 1, value: '2' } } as unknown as typeof missing
  const out = await log.append([missing, wrong])
  const issues = !out.ok && out.reason.type === 'Invalid' ? out.reason.issues.map(({ path }) => path) : []
  expect(issues).toEqual(['events[0].data.value', 'events[1].data.sensor', 'events[1].data.value'])
  await nothingIsWritten()
})

test('a proxy of plain data is plain data', async () => {
  const data = new Proxy({ text: 'behind', topic: 'x' }, {})
  const out = unwrap(await log.append('other', [hostile(data)]))
  expect(out.events[0]?.data).toEqual({ text: 'behind', topic: 'x' })
})

test('a commit of 10,001 events is too large, one of 10,000 is not', async () => {
  const facts = Array.from({ length: 10_001 }, () => note(''))
  const out = await log.append('many', facts)
  expect(out.ok ? undefined : out.reason).toMatchObject({ type: 'TooLarge', what: 'events', max: 10_000 })
  await nothingIsWritten()
  expect(unwrap(await log.append('many', facts.slice(1))).receipt.versions).toEqual({ many: 10_000 })
})

test('an event of 2 MB is too large, and 900,000 bytes of JSON are the border', async () => {
  const huge = await log.append('other', [note('x'.repeat(2_000_000))])
  expect(huge.ok ? undefined : huge.reason).toMatchObject({ type: 'TooLarge', what: 'bytes', max: 900_000 })
  await nothingIsWritten()
  // Finds the largest text that is taken, by what is refused: é is two bytes and one character.
  const tries = async (text: string) => (await log.append('other', [note(text)], { expectedVersion: 'any' })).ok
  let [fits, tooLong] = [890_000, 900_000]
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (await tries('x'.repeat(middle))) fits = middle
    else tooLong = middle
  }
  // Ids differ in length by a few characters.
  expect(await tries('é'.repeat(fits / 2 + 10))).toBe(false)
  expect(await tries('é'.repeat(Math.floor(fits / 2) - 10))).toBe(true)
  const { rows } = (await rawDatabase(key)).writes ?? { rows: [] }
  const bytes = rows.map(({ commits }) => new TextEncoder().encode(String(commits)).length - 2)
  expect(Math.max(...bytes)).toBeLessThanOrEqual(900_000)
  expect(Math.max(...bytes)).toBeGreaterThan(899_990)
})

const misuses: readonly (readonly [what: string, use: (log: NotesLog) => unknown])[] = [
  ['no stream and no events', (one) => Reflect.apply(one.append, one, [])],
  ['events that are no list', (one) => Reflect.apply(one.append, one, ['diary', note('a')])],
  ['no events', (one) => one.append('diary', [])],
  ['an event that is no fact', (one) => Reflect.apply(one.append, one, ['diary', ['text']])],
  ['an event that is null', (one) => Reflect.apply(one.append, one, ['diary', [null]])],
  ['an unknown event type', (one) => Reflect.apply(one.append, one, ['diary', [{ type: 'NoSuch', data: {} }]])],
  ['a type of every object', (one) => Reflect.apply(one.append, one, ['diary', [{ type: 'toString', data: {} }]])],
  ['an empty stream name', (one) => one.append('', [note('a')])],
  ['a stream name of 513 characters', (one) => one.append('x'.repeat(513), [note('a')])],
  ['a stream name that is a number', (one) => Reflect.apply(one.append, one, [7, [note('a')]])],
  ['no stream where the event knows none', (one) => one.append([note('a')])],
  ['version -1', (one) => one.append('diary', [note('a')], { expectedVersion: -1 })],
  ['version 1.5', (one) => one.append('diary', [note('a')], { expectedVersion: 1.5 })],
  ['version 2^53', (one) => one.append('diary', [note('a')], { expectedVersion: 2 ** 53 })],
  ['a version that is text', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { expectedVersion: '1' }])],
  ['an unknown option', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { expectVersion: 1 }])],
  ['options that are text', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], 'strict'])],
  ['an unknown durability', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { durability: 'safe' }])],
  ['metadata that is no text', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { metadata: { a: 1 } }])],
  ['an empty commit id', (one) => one.append('diary', [note('a')], { commitId: '' })],
  ['a commit id that is too long', (one) => one.append('diary', [note('a')], { commitId: 'x'.repeat(129) })],
  ['a tag that is an object', (one) => one.append('diary', [hostile({ text: 'a', topic: { a: 1 } })])],
  ['a tag that is too long', (one) => one.append('diary', [note('a', { topic: 'x'.repeat(600) })])],
  [
    'two conditions',
    (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { expectedVersion: 1, failIfEventsMatch: {} }]),
  ],
  ['a query without items', (one) => one.append('diary', [note('a')], { failIfEventsMatch: [] })],
  ['a query without types', (one) => one.append('diary', [note('a')], { failIfEventsMatch: { types: [] } })],
  [
    'a query with an unknown part',
    (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { failIfEventsMatch: { type: 'NoteTaken' } }]),
  ],
  [
    'a query whose tag is an object',
    (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { failIfEventsMatch: { tags: { topic: {} } } }]),
  ],
  ['a query that is text', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { failIfEventsMatch: 'x' }])],
  [
    'a marker that is a number',
    (one) => one.append('diary', [note('a')], { failIfEventsMatch: {}, after: 7 as unknown as Marker }),
  ],
  ['a marker without a condition', (one) => Reflect.apply(one.append, one, ['diary', [note('a')], { after: {} }])],
]

test.each(misuses)('%s is misuse', async (_, use) => {
  await expectMisuse(() => use(log))
  await nothingIsWritten()
})

test('an option that the log does not know is misuse', async () => {
  await expectMisuse(() => Reflect.apply(openNotes, undefined, [newKey(), { durable: true }]))
  await expectMisuse(() => Reflect.apply(openNotes, undefined, [newKey(), { durability: 'safe' }]).ready)
})

test('a key or a principal that can’t be written', async () => {
  await expectMisuse(() => openNotes('half \ud800'))
  await expectMisuse(() => openNotes(newKey(), { principal: '\udc00' }))
})
