// What follows a log is handed all that a stored event has become, as one thing: tried, kept and given up together.

import { defineLog, unwrap } from 'tidelog'
import { defineReactor, defineTask, tasksOf } from 'tidelog/automation'
import { eraseStream, whenErased } from 'tidelog/lifecycle'
import { openReadModel } from 'tidelog/read-model'
import { type HandlerContext, subscribe } from 'tidelog/subscribe'
import { createMemoryDatabase, given, type MemoryDatabase, memoryLog, past, VirtualClock } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RowsBatcher } from '../src/consumer/rows-batch.ts'
import { RowsFold } from '../src/consumer/rows-fold.ts'
import { definitionsOf } from '../src/core/event.ts'
import { before, events, newApp, oldApp, people, profile } from './people.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})
const closing = <T extends { close(): Promise<void> }>(one: T): T => {
  opened.push(one)
  return one
}
let database: MemoryDatabase
beforeEach(() => {
  database = createMemoryDatabase('people')
})
const openOld = () => closing(memoryLog(oldApp, { database }))
const openNew = () => closing(memoryLog(newApp, { database }))
interface Told {
  readonly type: string
  readonly position?: number | undefined
  readonly part?: number | undefined
}
const shown = ({ type, position, part }: Told) => `${position}${part === undefined ? '' : `.${part}`} ${type}`

/** Ann's profile, a ping, and Bo's name, each a stored event: 1, 2 and 3. */
async function begin() {
  const old = openOld()
  unwrap(await old.append([profile('1', 'Ann', 'Oslo'), before.Pinged({ id: '1' }), profile('2', 'Bo')]))
  return openNew()
}
const all = ['1.0 NameChanged', '1.1 CityChanged', '3 NameChanged']

describe('a subscription', () => {
  test('hands on the parts one after the other, each with a key of its own, and goes on behind the stored event', async () => {
    const log = await begin()
    const seen: string[] = []
    const keys: string[] = []
    const { ended } = subscribe(log, { name: 'mailer', to: 'head', checkpoint: { events: 1 } }, (event, { key }) => {
      seen.push(shown(event))
      keys.push(key.replace(event.id, '*'))
    })
    expect(await ended).toEqual({ reason: 'head-reached' })
    expect(seen).toEqual(all)
    expect(keys).toEqual(['mailer/*#0', 'mailer/*#1', 'mailer/*'])
  })

  test('is asked for by what events have become, and hands on nothing else of them', async () => {
    const log = await begin()
    unwrap(await log.append([events.Left({ id: '1' }), events.CityChanged({ id: '2', city: 'Rome', since: 'now' })]))
    const seen: string[] = []
    const query = { types: ['CityChanged'] } as const
    await subscribe(log, { query, to: 'head' }, (event) => void seen.push(shown(event))).ended
    expect(seen).toEqual(['1.1 CityChanged', '5 CityChanged'])
    const live = subscribe(log, { query, from: 'head' }, (event) => void seen.push(shown(event)))
    await vi.waitFor(() => expect(live.status.get().state).toBe('live'))
    unwrap(await openOld().append([profile('3', 'Cy'), profile('3', 'Cy', 'Bern')]))
    await vi.waitFor(() => expect(seen).toEqual(['1.1 CityChanged', '5 CityChanged', '7.1 CityChanged']))
    await live.stop()
  })

  test('puts all parts into one batch, however small it is', async () => {
    const log = await begin()
    const batches: string[][] = []
    await subscribe(log, { to: 'head', batch: { events: 1 } }, (batch) => void batches.push(batch.map(shown))).ended
    expect(batches).toEqual([all.slice(0, 2), all.slice(2)])
  })

  test('tries all parts again when one fails, and keeps what they set together', async () => {
    const log = await begin()
    const seen: string[] = []
    const count = async (event: Told, { state, attempt }: HandlerContext): Promise<void> => {
      seen.push(shown(event))
      state.set('count', (((await state.get('count')) as number | undefined) ?? 0) + 1)
      if (event.part === 1 && attempt === 1) throw new Error('not yet')
    }
    const onError = { retry: 1, retryMs: 0 }
    await subscribe(log, { name: 'counter', to: 'head', onError, checkpoint: { events: 1 } }, count).ended
    expect(seen).toEqual(['1.0 NameChanged', '1.1 CityChanged', ...all])
    let counted: unknown
    unwrap(await log.append([events.Left({ id: '1' })]))
    await subscribe(log, { name: 'counter', to: 'head' }, async (_, { state }) => {
      counted = await state.get('count')
    }).ended
    expect(counted).toBe(3)
  })

  test('parks a stored event as one, and a retry hands on all of it', async () => {
    const log = await begin()
    let isBroken = true
    const seen: string[] = []
    const subscription = subscribe(log, { name: 'parker', onError: { giveUp: 'park' } }, (event) => {
      if (isBroken && event.part === 1) throw new Error('broken')
      seen.push(shown(event))
    })
    await vi.waitFor(() => expect(subscription.status.get()).toMatchObject({ position: 3, parked: 1 }))
    expect(subscription.failures.get()).toMatchObject([{ position: 1, type: 'ProfileChanged', attempts: 1 }])
    isBroken = false
    expect(await subscription.failures.retry()).toBe(1)
    expect(seen).toEqual(['1.0 NameChanged', '3 NameChanged', '1.0 NameChanged', '1.1 CityChanged'])
    await subscription.stop()
  })

  test('with acknowledgement by hand has handled a stored event when all of it is acknowledged', async () => {
    const log = await begin()
    const acks: (() => void)[] = []
    const subscription = subscribe(log, { name: 'acker', ack: 'manual' }, (_, { ack }) => void acks.push(ack))
    await vi.waitFor(() => expect(acks).toHaveLength(3))
    acks[2]?.()
    acks[0]?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(subscription.status.get().position).toBe(0)
    acks[1]?.()
    await vi.waitFor(() => expect(subscription.status.get().position).toBe(3))
    await subscription.stop()
  })

  test('that is aborted between two parts hands on no more, and begins with all of it the next time', async () => {
    const log = await begin()
    const abort = new AbortController()
    const seen: string[] = []
    await subscribe(log, { name: 'aborter', signal: abort.signal }, async (event) => {
      seen.push(shown(event))
      abort.abort()
    }).ended
    expect(seen).toEqual(['1.0 NameChanged'])
    await subscribe(log, { name: 'aborter', to: 'head' }, (event) => void seen.push(shown(event))).ended
    expect(seen).toEqual(['1.0 NameChanged', ...all])
  })

  test('of pending commits tells of what was asked for', async () => {
    const log = await begin()
    const seen: unknown[] = []
    const query = { types: ['CityChanged'] } as const
    const follower = subscribe(log, { pending: true, query }, ({ status, events }) => {
      seen.push([status, events.map(shown)])
    })
    const old = openOld()
    unwrap(await old.append([profile('3', 'Cy')]))
    unwrap(await old.append([profile('3', 'Cy', 'Bern'), before.Pinged({ id: '3' })]))
    await vi.waitFor(() => expect(seen).toEqual([['confirmed', ['5.1 CityChanged']]]))
    await follower.stop()
  })
})

describe('an automation', () => {
  const greet = defineReactor(events, {
    name: 'greet',
    on: 'origin',
    query: { types: ['NameChanged', 'CityChanged'] },
    react: ({ type, data }) =>
      type === 'NameChanged' ? [events.Left({ id: data.id })] : [events.Joined({ id: data.id })],
  })

  test('reacts to each part once, whatever is tried again', async () => {
    let isBroken = true
    const once = defineReactor(events, {
      name: 'once',
      on: 'server',
      query: { types: ['NameChanged', 'CityChanged'] },
      react: ({ type, data: { id } }) => {
        if (type === 'NameChanged') return [events.Left({ id })]
        if (isBroken) {
          isBroken = false
          throw new Error('not yet')
        }
        return [events.Joined({ id })]
      },
    })
    const model = defineLog({ name: 'people', events, automations: [once] })
    unwrap(await openOld().append([profile('1', 'Ann', 'Oslo')]))
    const log = closing(memoryLog(model, { database }))
    await vi.waitFor(async () => {
      const { events: found } = await log.read({ query: { types: ['Joined', 'Left'] } }).all()
      expect(found.map(({ type, position }) => [type, position])).toEqual([
        ['Left', 2],
        ['Joined', 3],
      ])
    })
    await log.close()
    unwrap(await openNew().append([events.NameChanged({ id: '2', name: 'Bo' })]))
    const again = closing(memoryLog(model, { database }))
    await vi.waitFor(async () =>
      expect((await again.read().all()).events.map(shown).slice(2)).toEqual([
        '2 Left',
        '3 Joined',
        '4 NameChanged',
        '5 Left',
      ]),
    )
  })

  test('that dies between two parts does the rest the next time', async () => {
    let release: (() => void) | undefined
    const first = defineReactor(events, {
      name: 'dying',
      on: 'server',
      query: { types: ['NameChanged', 'CityChanged'] },
      react: async ({ type, data: { id } }) => {
        if (type === 'NameChanged') return [events.Left({ id })]
        await new Promise<void>((_, reject) => {
          release = () => reject(new Error('gone'))
        })
      },
    })
    const second = defineReactor(events, {
      name: 'dying',
      on: 'server',
      query: { types: ['NameChanged', 'CityChanged'] },
      react: ({ type, data: { id } }) => [type === 'NameChanged' ? events.Left({ id }) : events.Joined({ id })],
    })
    unwrap(await openOld().append([profile('1', 'Ann', 'Oslo')]))
    const dying = closing(memoryLog(defineLog({ name: 'people', events, automations: [first] }), { database }))
    await vi.waitFor(() => expect(release).toBeDefined())
    const closed = dying.close()
    release?.()
    await closed
    const log = closing(memoryLog(defineLog({ name: 'people', events, automations: [second] }), { database }))
    const shownAll = async () => (await log.read().all()).events.map(shown).slice(2)
    await vi.waitFor(async () => expect(await shownAll()).toEqual(['2 Left', '3 Joined']))
  })

  test('plans a task for each part, and an erasure takes them with the event', async () => {
    const forEach = defineTask(events, {
      name: 'for-each',
      on: 'server',
      query: { types: ['NameChanged', 'CityChanged'] },
      plan: ({ type }) => ({ input: type, afterMs: 3_600_000_000 }),
      run: () => {},
    })
    unwrap(await openOld().append([profile('1', 'Ann', 'Oslo'), profile('2', 'Bo', 'Rome')]))
    const log = closing(memoryLog(defineLog({ name: 'people', events, automations: [forEach] }), { database }))
    const inputs = async () => (await tasksOf(log).list()).map(({ input }) => input).sort()
    await vi.waitFor(async () =>
      expect(await inputs()).toEqual(['CityChanged', 'CityChanged', 'NameChanged', 'NameChanged']),
    )
    await whenErased(log, unwrap(await eraseStream(log, 'person-1')).receipt)
    await vi.waitFor(async () => expect(await inputs()).toEqual(['CityChanged', 'NameChanged']))
  })

  test('is shown by the kit what it makes of all parts', async () => {
    const old = past('ProfileChanged', { id: '1', name: 'Ann', city: 'Oslo' })
    await given(greet, [])
      .when(old)
      .then([events.Left({ id: '1' }), events.Joined({ id: '1' })])
    await given({ ...greet, query: { types: ['CityChanged'] } }, [])
      .when(old)
      .then([events.Joined({ id: '1' })])
    await given(greet, [])
      .when(past('Pinged', { id: '1' }, { stream: 'person-1' }))
      .thenNothing()
    const plan = defineTask(events, {
      name: 'plan',
      on: 'origin',
      query: { types: ['CityChanged', 'NameChanged'] },
      plan: ({ type }) => ({ input: type }),
      run: () => {},
    })
    given(plan).plans(old).thenPlanned({ input: 'NameChanged' }, { input: 'CityChanged' })
    given(plan)
      .plans(past('ProfileChanged', { id: '1', city: 'Oslo' }))
      .thenPlanned({ input: 'CityChanged' })
  })
})

describe('a read model', () => {
  test('holds the rows of all parts, old and new, stored and pending, and the same when it is built anew', async () => {
    const log = await begin()
    unwrap(await openOld().append([before.Joined({ id: '2', name: 'Bob' })]))
    unwrap(await log.append([events.NameChanged({ id: '1', name: 'Anna' })]))
    const rows = openReadModel(log, people)
    const expected = [
      { id: '1', row: { names: ['Ann', 'Anna'], cities: ['Oslo'] } },
      { id: '2', row: { names: ['Bo', 'Bob'], cities: [] } },
    ]
    expect((await rows.find()).rows).toEqual(expected)
    await rows.reset()
    expect((await rows.find()).rows).toEqual(expected)
    expect((await rows.find({ index: 'city' })).rows.map(({ id }) => id)).toEqual(['1'])
    unwrap(await openOld().append([profile('2', 'Bo', 'Rome')]))
    expect(await rows.get('2')).toEqual({ names: ['Bo', 'Bob', 'Bo'], cities: ['Rome'] })
    await rows.close()
    // Handlers for what is not asked for are there for nothing.
    const query = { types: ['CityChanged'] } as const
    const towns = openReadModel(log, { ...people, name: 'towns', query } as typeof people)
    expect((await towns.find()).rows).toEqual([
      { id: '1', row: { names: [], cities: ['Oslo'] } },
      { id: '2', row: { names: [], cities: ['Rome'] } },
    ])
    await towns.close()
  })

  test('keeps nothing of an event of which a part can not be taken', async () => {
    let isBroken = true
    const fragile = {
      ...people,
      on: {
        ...people.on,
        CityChanged: (...args: Parameters<NonNullable<typeof people.on.CityChanged>>) => {
          if (isBroken) throw new Error('no such city')
          return people.on.CityChanged?.(...args)
        },
      },
    } as typeof people
    const raw = [
      { type: 'ProfileChanged', stream: 's', data: { id: '1', name: 'Ann', city: 'Oslo' } },
      {
        id: 'c.0',
        commitId: 'c',
        version: 1,
        time: '2026-01-01T00:00:00.000Z',
        position: 1,
      },
    ] as const
    const chains = { all: '', rows: 'rows/', index: (name: string) => `${name}/` }
    const ports = { clock: new VirtualClock(), definitions: definitionsOf(events), lookUp: async () => [] }
    const batcher = new RowsBatcher(ports, new RowsFold(fragile), chains, true)
    expect(await batcher.fold([raw])).toMatchObject({ put: [], problem: { position: 1 } })
    const log = await begin()
    unwrap(await log.append([events.NameChanged({ id: '0', name: 'Zoe' })]))
    const rows = openReadModel(log, fragile)
    await expect(rows.get('1')).rejects.toMatchObject({ code: 'tidelog/parked' })
    await vi.waitFor(() => expect(rows.status.get()).toMatchObject({ state: 'parked', problem: { position: 1 } }))
    isBroken = false
    await rows.retry()
    await vi.waitFor(async () => expect(await rows.get('1')).toEqual({ names: ['Ann'], cities: ['Oslo'] }))
    await vi.waitFor(() => expect(rows.status.get()).toMatchObject({ state: 'current', position: 4 }))
    expect(await rows.get('1')).toEqual({ names: ['Ann'], cities: ['Oslo'] })
    await rows.close()
  })
})
