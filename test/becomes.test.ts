// One stored event that is read as several, or none, through the public entries.

import { defineEvents, defineFor, defineLog, event, retired, type, unwrap } from 'tidelog'
import { eraseStream, whenErased } from 'tidelog/lifecycle'
import { openReadModel } from 'tidelog/read-model'
import { createMemoryDatabase, given, memoryLog, past, VirtualClock } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { before, cities, events, move, names, newApp, oldApp, people, profile, rename, story } from './people.ts'
import { Network } from './tabs.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})
const closing = <T extends { close(): Promise<void> }>(one: T): T => {
  opened.push(one)
  return one
}
/** Two versions of the app over one log that syncs nowhere. */
function openBoth() {
  const database = createMemoryDatabase('people')
  return { old: closing(memoryLog(oldApp, { database })), log: closing(memoryLog(newApp, { database })) }
}
const told = (
  all: readonly { readonly type: string; readonly part?: number | undefined; readonly position?: number | undefined }[],
) => all.map(({ type, position, part }) => [type, position, part])

describe('a read', () => {
  test('gives the parts of one stored event in its place: with its id, version, position, stream and tags', async () => {
    const { old, log } = openBoth()
    const [stored] = unwrap(await old.append([profile('1', 'Ann', 'Oslo')])).events
    unwrap(await old.append([before.Pinged({ id: '1' }), profile('1', 'Bo'), before.Joined({ id: '2', name: 'Cy' })]))
    const { events: all } = await log.read().all()
    expect(told(all)).toEqual([
      ['NameChanged', 1, 0],
      ['CityChanged', 1, 1],
      ['NameChanged', 3, undefined],
      ['Joined', 4, 0],
      ['NameChanged', 4, 1],
    ])
    const { data: _, type: __, ...place } = stored ?? {}
    expect(all.slice(0, 2)).toMatchObject([
      { ...place, data: { id: '1', name: 'Ann' } },
      // What the schema of today adds is there.
      { ...place, data: { id: '1', city: 'Oslo', since: 'ever' } },
    ])
    expect(all.every((one) => Object.isFrozen(one) && Object.isFrozen(one.data))).toBe(true)
    expect(Object.keys(all[2] ?? {})).not.toContain('part')
    expect(await log.streamHead('person-1')).toEqual({ version: 3, confirmed: 3 })
  })

  test('finds stored events by what they have become, and leaves out what else they are', async () => {
    const { old, log } = openBoth()
    for (const fact of [profile('1', 'Ann', 'Oslo'), profile('2', 'Bo'), before.Joined({ id: '1', name: 'Al' })])
      unwrap(await old.append([fact]))
    unwrap(await log.append([events.Joined({ id: '3' }), events.CityChanged({ id: '1', city: 'Rome', since: 'now' })]))
    const find = async (query: Parameters<typeof log.read>[0]) => told((await log.read(query).all()).events)
    expect(await find({ query: { types: ['NameChanged'] } })).toEqual([
      ['NameChanged', 1, 0],
      ['NameChanged', 2, undefined],
      ['NameChanged', 3, 1],
    ])
    expect(await find({ query: { types: ['CityChanged'], tags: { id: '1' } } })).toEqual([
      ['CityChanged', 1, 1],
      ['CityChanged', 5, undefined],
    ])
    expect(await find({ query: { types: ['CityChanged'], tags: { id: '2' } } })).toEqual([])
    expect(await find({ query: [{ types: ['CityChanged'] }, { types: ['NameChanged'], tags: { id: '2' } }] })).toEqual([
      ['CityChanged', 1, 1],
      ['NameChanged', 2, undefined],
      ['CityChanged', 5, undefined],
    ])
    expect(await find({ stream: 'person-1', query: { types: ['Joined'] }, fromVersion: 2 })).toEqual([['Joined', 3, 0]])
  })

  test('counts a stored event once for its limit, and gives its parts together, whichever way it goes', async () => {
    const { old, log } = openBoth()
    for (const name of ['A', 'B', 'C']) unwrap(await old.append([profile('1', name, name), before.Pinged({ id: '1' })]))
    const first = await log.read({ limit: 2 }).all()
    expect(told(first.events)).toEqual([
      ['NameChanged', 1, 0],
      ['CityChanged', 1, 1],
      ['NameChanged', 3, 0],
      ['CityChanged', 3, 1],
    ])
    const last = await log.read({ limit: 1, direction: 'backwards' }).all()
    expect(told(last.events)).toEqual([
      ['CityChanged', 5, 1],
      ['NameChanged', 5, 0],
    ])
    expect((await log.read({ limit: 0 }).all()).events).toEqual([])
    const forwards = (await log.read().all()).events
    expect((await log.read({ direction: 'backwards' }).all()).events).toEqual([...forwards].reverse())
  })

  test('gives an event that can not be split as it is stored where that is wanted, and an erased one as erased', async () => {
    const { old, log } = openBoth()
    unwrap(await old.append([profile('1', '', 'Oslo')]))
    await expect(log.read({ query: { types: ['CityChanged'] } }).all()).rejects.toMatchObject({
      code: 'tidelog/data',
      message: expect.stringMatching(/NameChanged.*at position 1/),
    })
    const lenient = { query: { types: ['CityChanged'] }, unknown: 'yield' } as const
    expect((await log.read(lenient).all()).events).toMatchObject([
      { type: '$unknown', originalType: 'ProfileChanged', data: { id: '1', name: '', city: 'Oslo' } },
    ])
    await whenErased(log, unwrap(await eraseStream(log, 'person-1')).receipt)
    expect((await log.read(lenient).all()).events).toMatchObject([
      { type: '$unknown', originalType: 'ProfileChanged', isErased: true, data: null },
    ])
    expect((await log.read({ query: { types: ['CityChanged'] } }).all()).events).toEqual([])
  })

  test('tears no event apart between its pages', async () => {
    const { old, log } = openBoth()
    unwrap(await old.append([before.Left({ id: '0' })]))
    unwrap(await old.append(Array.from({ length: 2_500 }, (_, nth) => profile('1', `${nth}`, `${nth}`))))
    const { events: all } = await log.read({ query: { types: ['NameChanged', 'CityChanged'] } }).all()
    expect(all.map(({ data, part }) => [Object.values(data)[1], part])).toEqual(
      Array.from({ length: 5_000 }, (_, nth) => [`${Math.floor(nth / 2)}`, nth % 2]),
    )
  })
})

describe('a condition', () => {
  test('of an append is broken by an old event that has become what it forbids', async () => {
    const { old, log } = openBoth()
    const { head } = await log.read().all()
    unwrap(await old.append([profile('1', 'Ann', 'Oslo')]))
    const options = { failIfEventsMatch: { types: ['CityChanged'] }, after: head } as const
    const refused = await log.append([events.Left({ id: '1' })], options)
    expect(refused).toMatchObject({ ok: false, reason: { type: 'ConditionConflict' } })
    expect(!refused.ok && 'events' in refused.reason && told(refused.reason.events)).toEqual([
      ['NameChanged', 1, 0],
      ['CityChanged', 1, 1],
    ])
    const other = { failIfEventsMatch: { types: ['CityChanged'], tags: { id: '2' } }, after: head } as const
    expect((await log.append([events.Left({ id: '1' })], other)).ok).toBe(true)
  })

  test.each(['plain', 'decider', 'narrow'] as const)(
    'that is kept with a pending commit is broken at the server by what another device appends with an old app: %s',
    async (kind) => {
      const network = new Network(newApp as never)
      closing(network)
      const [here, there] = [network.openBrowser(), network.openBrowser()]
      const log = here.openTab(newApp)
      const old = there.openTab(oldApp)
      await Promise.all([log.ready, old.ready])
      here.offline()
      const pending =
        kind === 'plain'
          ? await log.append([events.Left({ id: '1' })], { failIfEventsMatch: { types: ['CityChanged'] } })
          : kind === 'decider'
            ? await log.execute(rename, { id: '1', name: 'Ann' })
            : await log.execute(move, { id: '1', city: 'Oslo' })
      const { receipt } = unwrap(pending as Awaited<ReturnType<typeof log.append>>)
      const theirs = unwrap(await old.append([profile('1', 'Ann', 'Oslo')]))
      const ended = old.whenConfirmed(theirs.receipt)
      await network.pass(5_000)
      expect(await ended).toEqual({ status: 'confirmed', position: 1 })
      here.online()
      log.sync.now()
      await network.pass(10_000)
      const ending = await log.whenConfirmed(receipt)
      if (kind === 'plain') {
        expect(ending).toMatchObject({ status: 'conflict' })
        expect('events' in ending && told(ending.events)).toEqual([
          ['NameChanged', 1, 0],
          ['CityChanged', 1, 1],
        ])
      } else
        expect(ending).toMatchObject({
          status: 'refused',
          reason:
            kind === 'decider' ? { type: 'Taken', data: { by: 1 } } : { type: 'There', data: { cities: 1, names: 1 } },
        })
      expect((await log.read().all()).events).toHaveLength(2)
    },
  )

  test('of a decision is no other on a device whose state was folded before', async () => {
    const { old, log } = openBoth()
    unwrap(await log.execute(rename, { id: '1', name: 'Ann' }))
    unwrap(await old.append([before.Joined({ id: '2', name: 'Bo' }), profile('3', 'Cy', 'Oslo')]))
    expect(await log.execute(rename, { id: '4', name: 'Bo' })).toMatchObject({
      ok: false,
      reason: { type: 'Taken', data: { by: 3 } },
    })
    expect(await log.execute(rename, { id: '4', name: 'Cy' })).toMatchObject({ ok: false })
    expect((await log.execute(rename, { id: '4', name: 'torn' })).ok).toBe(true)
    expect(await log.execute(move, { id: '3', city: 'Oslo' })).toMatchObject({
      ok: false,
      reason: { type: 'There', data: { cities: 1, names: 4 } },
    })
  })
})

describe('a view', () => {
  test('folds pending and confirmed parts once each, those of its scope only', async () => {
    const network = new Network(newApp as never)
    closing(network)
    const browser = network.openBrowser()
    browser.offline()
    const old = browser.openTab(oldApp)
    const log = browser.openTab(newApp)
    unwrap(await old.append([before.Joined({ id: '1', name: 'Al' }), profile('1', 'Ann', 'Oslo')]))
    for (const isConfirmed of [false, true]) {
      if (isConfirmed) {
        browser.online()
        log.sync.now()
        await network.pass(10_000)
        expect(log.sync.get()).toMatchObject({ synced: true, confirmed: 2 })
      }
      const { marker } = await log.logHead()
      expect(await log.view(names).waitFor(marker)).toEqual(['Al', 'Ann'])
      expect(await log.view(cities, { id: '1' }).waitFor(marker)).toEqual(['Oslo'])
      expect(await log.view(cities, { id: '2' }).waitFor(marker)).toEqual([])
      expect(await log.view(story).waitFor(marker)).toEqual(['1 joined', '1 is Al', '1 is Ann', '1 in Oslo since ever'])
    }
  })

  test('takes no snapshot for its own that was folded before an event became what it folds', async () => {
    const database = createMemoryDatabase('people')
    const clock = new VirtualClock()
    const scope = () => ({ query: { types: ['NameChanged'] } }) as const
    const def = { name: 'names', version: 1, initial: 0, scope } as const
    const once = defineFor(before).projection<number>({ ...def, on: { NameChanged: (n) => n + 1 } })
    const now = defineFor(events).projection<number>({ ...def, on: { NameChanged: (n) => n + 1 } })
    const old = closing(memoryLog(oldApp, { database, clock }))
    unwrap(
      await old.append(
        Array.from({ length: 600 }, (_, nth) =>
          nth % 2 ? profile('1', `old ${nth}`) : before.NameChanged({ id: '1', name: `new ${nth}` }),
        ),
      ),
    )
    expect(await old.view(once).ready).toBe(300)
    await old.close()
    const log = closing(memoryLog(newApp, { database, clock }))
    expect(await log.view(now).ready).toBe(600)
    await log.close()
    const again = closing(memoryLog(newApp, { database, clock }))
    expect(await again.view(now).ready).toBe(600)
  })
})

describe('definitions', () => {
  const target = event(type<{ id: string }>(), { stream: () => 's' })
  test.each([
    ['itself', () => defineEvents({ A: retired(type<1>(), { becomes: ['A'], of: () => [] }) } as never)],
    [
      'itself by way of another',
      () =>
        defineEvents({
          A: retired(type<1>(), { becomes: ['B'], of: () => [] }),
          B: retired(type<1>(), { becomes: ['C'], of: () => [] }),
          C: retired(type<1>(), { becomes: ['A'], of: () => [] }),
        } as never),
    ],
    ['what is not there', () => defineEvents({ A: retired(type<1>(), { becomes: ['B'], of: () => [] }) } as never)],
    ['what is not said', () => defineEvents({ A: retired(type<1>(), { of: () => [] } as never) } as never)],
    ['by no function', () => event(type<1>(), { version: 2, upcast: { 1: { becomes: [] } as never } })],
  ])('refuse an event that becomes %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'tidelog/argument' }))
  })

  test('of a retired type give no creator, and what is appended or handled of it is misuse', async () => {
    expect(Object.keys(events).sort()).toEqual(['CityChanged', 'Joined', 'Left', 'NameChanged'])
    const { log } = openBoth()
    await expect(log.append('person-1', [profile('1', 'Ann') as never])).rejects.toMatchObject({
      code: 'tidelog/argument',
      message: expect.stringContaining('ProfileChanged'),
    })
    const on = { ProfileChanged: () => 1 } as never
    const misuse = expect.objectContaining({ code: 'tidelog/argument' })
    expect(() => defineFor(events).projection({ name: 'x', version: 1, initial: 0, on })).toThrow(misuse)
    expect(() => openReadModel(log, { ...people, on } as typeof people)).toThrow(misuse)
  })

  test('chain: what an event becomes may be retired itself, after steps of its own', async () => {
    const chained = defineEvents({
      A: retired(type<{ n: number }>(), {
        version: 2,
        upcast: { 1: ({ n }: { n: number }) => ({ n: n + 1 }) },
        becomes: ['B', 'Z'],
        of: ({ n }) => [
          { type: 'B', data: { n } },
          { type: 'Z', data: { id: 'a' } },
        ],
      }),
      // Version 1 of B would be brought up by its step; what A makes is of today already.
      B: retired(type<{ n: number }>(), {
        version: 2,
        upcast: { 1: () => ({ n: 100 }) },
        becomes: ['Z'],
        of: ({ n }, { stream }) => Array.from({ length: n }, () => ({ type: 'Z' as const, data: { id: stream } })),
      }),
      Z: target,
    })
    const first = defineEvents({ A: event(type<{ n: number }>(), { stream: () => 'of a' }) })
    const database = createMemoryDatabase('chain')
    const old = closing(memoryLog(defineLog({ name: 'chain', events: first }), { database }))
    unwrap(await old.append([first.A({ n: 1 })]))
    const log = closing(memoryLog(defineLog({ name: 'chain', events: chained }), { database }))
    const { events: all } = await log.read({ query: { types: ['Z'] } }).all()
    expect(all.map(({ data, part }) => [data.id, part])).toEqual([
      ['of a', 0],
      ['of a', 1],
      ['a', 2],
    ])
  })

  test('let a step make of an event what is of its own type, which goes on at the next step, and what is not', async () => {
    const stepped = defineEvents({
      A: event(type<{ n: number }>(), {
        version: 4,
        upcast: {
          1: {
            becomes: ['Z', 'A'],
            of: ({ n }: { n: number }) => [
              { type: 'Z', data: { id: `${n}` } },
              { type: 'A', data: { n: n + 1 } },
            ],
          },
          2: ({ n }: { n: number }) => ({ n: n * 10 }),
          3: {
            becomes: ['Z'],
            of: ({ n }: { n: number }, { stream }) => [{ type: 'Z', data: { id: `${stream} ${n}` } }],
          },
        },
        stream: () => 'a',
      }),
      // Of its first version nothing is left under its name.
      B: event(type<{ n: number }>(), {
        version: 2,
        upcast: { 1: { becomes: ['Z'], of: () => [{ type: 'Z', data: { id: 'b' } }] } },
      }),
      Z: target,
    })
    const database = createMemoryDatabase('steps')
    const kind = event(type<{ n: number }>(), { stream: () => 'a' })
    const first = defineEvents({ A: kind, B: kind })
    const old = closing(memoryLog(defineLog({ name: 'steps', events: first }), { database }))
    unwrap(await old.append([first.A({ n: 1 }), first.B({ n: 1 })]))
    const log = closing(memoryLog(defineLog({ name: 'steps', events: stepped }), { database }))
    unwrap(await log.append([stepped.A({ n: 5 })]))
    const find = async (kind: 'A' | 'B' | 'Z') =>
      (await log.read({ query: { types: [kind] } }).all()).events.map(({ position, part, data }) => [
        position,
        part,
        data,
      ])
    expect(await find('Z')).toEqual([
      [1, 0, { id: '1' }],
      [1, 1, { id: 'a 20' }],
      [2, undefined, { id: 'b' }],
    ])
    expect(await find('B')).toEqual([])
    // The old one was found by its type, and is of another one by now.
    expect(await find('A')).toEqual([[3, undefined, { n: 5 }]])
  })

  test('check what an upcaster makes: facts of the types that it names, as their schemas say', async () => {
    const made: Readonly<Record<string, unknown>> = {
      nothing: undefined,
      other: [{ type: 'Other', data: { id: '1' } }],
      undeclared: [{ type: 'Own', data: { id: '1' } }],
    }
    const first = defineEvents({ Old: event(type<{ id: string }>(), { stream: () => 's' }) })
    const second = defineEvents({
      Old: retired(type<{ id: string }>(), { becomes: ['New'], of: ({ id }) => made[id] as never }),
      New: target,
      Own: target,
    })
    const database = createMemoryDatabase('made')
    const old = closing(memoryLog(defineLog({ name: 'made', events: first }), { database }))
    for (const id of Object.keys(made)) unwrap(await old.append([first.Old({ id })]))
    const log = closing(memoryLog(defineLog({ name: 'made', events: second }), { database }))
    for (const [at] of Object.keys(made).entries())
      await expect(log.read({ fromPosition: at + 1, toPosition: at + 1 }).all()).rejects.toMatchObject({
        code: 'tidelog/data',
        message: expect.stringMatching(new RegExp(`Old.of.*at position ${at + 1}`)),
      })
  })
})

test('a command that an old tab decided is told to a new one with the versions of what is stored', async () => {
  const { name } = rename
  const command = type<{ id: string; name: string }>()
  const scope = () => ({ query: { types: ['NameChanged'] } }) as const
  const decide = ({ id }: { readonly id: string }) => [before.Pinged({ id })]
  const once = defineFor(before).decider({ name, command, scope, initial: 0, evolve: {}, decide })
  const database = createMemoryDatabase('people')
  const old = closing(memoryLog(defineLog({ name: 'people', events: before, deciders: [once] }), { database }))
  const log = closing(memoryLog(newApp, { database }))
  const asked = [{ id: '1', name: 'Ann' }, { commitId: 'once' }] as const
  unwrap(await old.execute(once, ...asked))
  const { receipt, events: known } = unwrap(await log.execute(rename, ...asked))
  expect(known).toEqual([])
  expect(receipt.versions).toEqual({ 'person-1': 1 })
})

describe('the kit', () => {
  test('reads a history with events of old types as the log does', () => {
    const old = past('ProfileChanged', { id: '1', name: 'Ann', city: 'Oslo' })
    given(names, [old, events.NameChanged({ id: '1', name: 'Bo' }), past('Joined', { id: '2', name: 'Cy' })]).then([
      'Ann',
      'Bo',
      'Cy',
    ])
    given(cities, [old], { id: '1' }).then(['Oslo'])
    given(cities, [old], { id: '2' }).then([])
    given(rename, [old]).when({ id: '2', name: 'Ann' }).thenRefused('Taken', { by: 1 })
    given(move, [old]).when({ id: '1', city: 'Oslo' }).thenRefused('There', { cities: 1, names: 1 })
    given(people, [old, past('Pinged', { id: '1' }, { stream: 'person-1' })]).then({
      '1': { names: ['Ann'], cities: ['Oslo'] },
    })
  })

  test('fails a test whose upcaster is not pure', () => {
    let nth = 0
    const impure = defineEvents({
      Old: retired(type<{ id: string }>(), {
        becomes: ['New'],
        of: () => [{ type: 'New', data: { id: `${nth++}` } }],
      }),
      New: event(type<{ id: string }>(), { stream: () => 's' }),
    })
    const count = defineFor(impure).projection<number>({ name: 'n', version: 1, initial: 0, on: { New: (n) => n + 1 } })
    expect(() => given(count, [past('Old', { id: '1' })])).toThrow(/upcast of Old is not pure/)
  })
})
