import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ReadRequest } from '../protocol/worker.ts'
import { takePage } from './confirm.ts'
import {
  callOf,
  commitOf,
  createBrowser,
  largeCall,
  openTab,
  placedIn,
  Sequence,
  type Tab,
  versioned,
} from './log.fixture.ts'
import { rebase } from './rebase.ts'

type Options = ReadRequest['options']
interface Read {
  readonly events: readonly PlacedEvent[]
  readonly pages: number
}
/** A read as the page does it, page by page. */
async function read({ reader }: Tab, options: Options): Promise<Read> {
  const confirmed: PlacedEvent[] = []
  let pending: readonly PlacedEvent[] = []
  let pages = 0
  for (let more: Partial<ReadRequest> = {}; ; ) {
    const answer = await reader.read({ options, ...more })
    pages += 1
    if (pages === 1) pending = JSON.parse(answer.pending)
    confirmed.push(...placedIn(answer.events))
    if (answer.cursor === undefined) break
    more = { cursor: answer.cursor, through: answer.through }
  }
  return { events: options.direction === 'backwards' ? [...pending, ...confirmed] : [...confirmed, ...pending], pages }
}
const dataOf = ({ events }: Read): readonly unknown[] => events.map(({ data }) => data)

const shorts = fc.array(fc.constantFrom('s1', 's2', 't1', 't2', 'u1'), { minLength: 1, maxLength: 3 })
const bound = fc.option(fc.nat(12), { nil: undefined })
const options: fc.Arbitrary<Options> = fc.record({
  stream: fc.option(fc.constantFrom('s', 't', 'z'), { nil: undefined }),
  query: fc.option(
    fc.constantFrom(
      { types: ['T1'] },
      { tags: { on: 't' } },
      [{ types: ['T2'] }, { tags: { on: 's', kind: '1' } }],
      {},
    ),
    { nil: undefined },
  ),
  direction: fc.constantFrom('forwards' as const, 'backwards' as const),
  limit: fc.integer({ min: 1, max: 4 }),
  fromPosition: bound,
  toPosition: bound,
})

/** Confirmed commits and pending ones, as flat lists of events with their places. */
async function filled(confirmed: readonly (readonly string[])[], pending: readonly (readonly string[])[]) {
  const tab = await openTab(createBrowser())
  const log = new Sequence()
  for (const [at, events] of confirmed.entries()) await takePage(tab.engine, log.add(commitOf(`c${at}`, events)))
  for (const [at, events] of pending.entries()) await tab.append(callOf(`p${at}`, events))
  const versions = new Map<string, number>()
  const all = [...confirmed.flat(), ...pending.flat()].map((short, at) => {
    const stream = short.slice(0, 1)
    const version = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    const position = at < confirmed.flat().length ? at + 1 : undefined
    return { short, stream, kind: short.slice(1), version, position }
  })
  return { tab, all }
}
type Placed = Awaited<ReturnType<typeof filled>>['all'][number]

/** What a read gives, by a look at every event. */
function oracle(all: readonly Placed[], { stream, query, direction, fromPosition = 0, toPosition, ...rest }: Options) {
  const items = [query ?? {}].flat()
  const found = all.filter((event) => {
    const { position } = event
    if (stream !== undefined && event.stream !== stream) return false
    if (rest.fromVersion !== undefined && event.version < rest.fromVersion) return false
    if (rest.toVersion !== undefined && event.version > rest.toVersion) return false
    if (position === undefined ? toPosition !== undefined : position < fromPosition || position > (toPosition ?? 99))
      return false
    return items.some(
      ({ types, tags }) =>
        (types === undefined || types.includes(`T${event.kind}`)) &&
        (tags?.on === undefined || tags.on === event.stream) &&
        (tags?.kind === undefined || tags.kind === event.kind),
    )
  })
  return direction === 'backwards' ? found.reverse() : found
}

describe('a read', () => {
  test('gives what a look at every event gives, in pages of any size, within its bounds, in its direction', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(shorts, { maxLength: 5 }),
        fc.array(shorts, { maxLength: 3 }),
        options,
        async (c, p, wish) => {
          const { tab, all } = await filled(c, p)
          const got = await read(tab, wish)
          const expected = oracle(all, wish).map(({ short, version, position }) => ({ short, version, position }))
          expect(got.events.map(({ data, version, position }) => ({ short: data, version, position }))).toEqual(
            expected,
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  test('of a stream is bounded by versions, confirmed and pending alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(9),
        fc.nat(9),
        fc.constantFrom('forwards' as const, 'backwards' as const),
        async (from, to, direction) => {
          const { tab, all } = await filled([['s1', 't1'], ['s2', 's1'], ['t1']], [['s1'], ['t2', 's2', 's1']])
          const wish: Options = { stream: 's', direction, limit: 2, fromVersion: from, toVersion: to }
          expect(dataOf(await read(tab, wish))).toEqual(oracle(all, wish).map(({ short }) => short))
        },
      ),
    )
  })

  test('fixes its end with the first page: what comes in between belongs to the next read', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('a', ['s1', 's2', 's1'])))
    const wish: Options = { limit: 1 }
    const first = await tab.reader.read({ options: wish })
    await takePage(tab.engine, log.add(commitOf('b', ['s9'])))
    const second = await tab.reader.read({ options: wish, cursor: first.cursor, through: first.through })
    const third = await tab.reader.read({ options: wish, cursor: second.cursor, through: first.through })
    expect([first, second, third].map(({ events }) => placedIn(events).length)).toEqual([1, 1, 1])
    expect([first.cursor, second.cursor, third.cursor]).toEqual([1, 2, undefined])
    expect([first.pending, second.pending, third.pending]).toEqual(['[]', '[]', '[]'])
  })

  test('after a marker gives only what came after it, pending and confirmed', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(callOf('own', ['s1']), callOf('gone', ['t1']))
    const after = tab.engine.view.marker
    await takePage(tab.engine, log.add(commitOf('own', ['s1']), commitOf('x', ['s2'])))
    await tab.append(callOf('late', ['s3']))
    expect(dataOf(await read(tab, { after }))).toEqual(['s2', 's3'])
    expect(dataOf(await read(tab, { after: tab.engine.view.marker }))).toEqual([])
  })

  test('answers with the head it saw, also when nothing matched', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']))
    const { head } = await tab.reader.read({ options: { stream: 'nowhere' } })
    expect(head).toEqual({ database: 'db', revision: 1, confirmed: 0 })
  })

  test('sees what another tab has just written', async () => {
    const browser = createBrowser()
    const [a, b] = [await openTab(browser), await openTab(browser)]
    browser.channels.isLost = () => true
    await a.append(callOf('a', ['s1']))
    expect(dataOf(await read(b, {}))).toEqual(['s1'])
    expect((await b.reader.heads(['s', 't'])).streams).toEqual([
      { version: 1, confirmed: 0 },
      { version: 0, confirmed: 0 },
    ])
  })

  test('gives events of every record, also of those that are not in memory any more', async () => {
    const tab = await openTab(createBrowser(), { synced: false })
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) await tab.append(largeCall(id, 600_000))
    const { events } = await read(tab, {})
    expect(events.map(({ data }) => String(data).slice(0, 1))).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  })
})

describe('changes', () => {
  const scope = { scope: {}, types: ['T1', 'T2', 'T9'] }
  const partsOf = ({ confirmed, pending, pendingIs, position, more }: ChangesAnswer) => ({
    confirmed: placedIn(confirmed).map(({ data }) => data),
    pending: (JSON.parse(pending) as readonly PlacedEvent[]).map(({ data }) => data),
    pendingIs,
    position,
    more,
  })

  test('bring confirmed events once, and only what was added to the queue while its order stands', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('x', ['s1'])))
    await tab.append(callOf('a', ['s2']))
    const first = await tab.reader.changes({ ...scope, position: 0, revision: 0 })
    expect(partsOf(first)).toEqual({ confirmed: ['s1'], pending: ['s2'], pendingIs: 'all', position: 1, more: false })
    await tab.append(callOf('b', ['t1']))
    const second = await tab.reader.changes({ ...scope, position: 1, revision: first.head.revision })
    expect(partsOf(second)).toMatchObject({ confirmed: [], pending: ['t1'], pendingIs: 'added', position: 1 })
  })

  test('bring the whole queue after anything but an append', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(callOf('a', ['s2']), callOf('b', ['t1']))
    const { head } = await tab.reader.changes({ ...scope, position: 0, revision: 0 })
    await takePage(tab.engine, log.add(commitOf('a', ['s2'])))
    const next = await tab.reader.changes({ ...scope, position: 0, revision: head.revision })
    expect(partsOf(next)).toMatchObject({ confirmed: ['s2'], pending: ['t1'], pendingIs: 'all', position: 1 })
  })

  test('bring the whole queue also when what changed it is not wanted itself', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0), callOf('b', ['t1']))
    const onlyT1 = { scope: {}, types: ['T1'] }
    const { head } = await tab.reader.changes({ ...onlyT1, position: 0, revision: 0 })
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    const next = await tab.reader.changes({ ...onlyT1, position: 0, revision: head.revision })
    expect(partsOf(next)).toMatchObject({ confirmed: [], pending: ['t1'], pendingIs: 'all', position: 1 })
  })

  test('come in pages when there are many, and the queue with the last one', async () => {
    const tab = await openTab(createBrowser())
    const events = Array.from({ length: 2_500 }, (_, at) => (at % 2 === 0 ? 's1' : 't2'))
    await takePage(tab.engine, new Sequence().add(commitOf('x', events)))
    await tab.append(callOf('a', ['u1']))
    const first = await tab.reader.changes({ ...scope, position: 0, revision: 0 })
    expect(partsOf(first)).toMatchObject({ position: 2_000, more: true, pending: [] })
    const second = await tab.reader.changes({ ...scope, position: 2_000, revision: 0 })
    expect(partsOf(second)).toMatchObject({ position: 2_500, more: false, pending: ['u1'] })
    expect([...partsOf(first).confirmed, ...partsOf(second).confirmed]).toEqual(events)
  })

  test('skip what the fold has no handler for, and stand behind it all the same', async () => {
    const tab = await openTab(createBrowser())
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s1', 't2', 't2'])))
    const answer = await tab.reader.changes({ scope: {}, types: ['T1'], position: 0, revision: 0 })
    expect(partsOf(answer)).toMatchObject({ confirmed: ['s1'], position: 3 })
  })
})
