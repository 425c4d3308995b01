// Commands over several versions of an app, and rules that fail, through the public entries.

import {
  type AnyDecider,
  defineDecider,
  defineEvents,
  defineFor,
  defineLog,
  event,
  type Log,
  refuse,
  type,
  unwrap,
} from 'tidelog'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { book, bookAny, events, hall, heldOf, release, seating, tell } from './seats.ts'
import { type Browser, Network, turns } from './tabs.ts'

type SeatLog = Log<never>
let network: Network
afterEach(() => network.close())
/** Ann's browser with a line, and Bob's without. */
function open(model: ConstructorParameters<typeof Network>[0] = seating as never): readonly [Browser, Browser] {
  network = new Network(model)
  const [ann, bob] = [network.openBrowser(), network.openBrowser()]
  bob.offline()
  return [ann, bob]
}
const online = async (browser: Browser, log: Pick<SeatLog, 'sync'>, ms = 200_000): Promise<void> => {
  browser.online()
  log.sync.now()
  await network.pass(ms)
}
interface Readable {
  read(): { all(): Promise<{ readonly events: readonly { readonly data: unknown }[] }> }
}
const dataOf = async (log: Readable) => (await log.read().all()).events.map(({ data }) => data)
const command = type<{ seat: string; by: string }>()

describe('a worker that lacks the rule of a pending command', () => {
  test('refuses nothing: it says which rule, keeps everything, and goes on taking what comes', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(seating)
    const there = bob.openTab(seating)
    unwrap(await here.execute(book, { seat: '1', by: 'ann' }))
    unwrap(await there.execute(bookAny, { by: 'bob' }))
    await there.close()
    await network.pass(1_000)
    const ignorant = bob.openTab(seating, { hasRules: false })
    await online(bob, ignorant)
    expect(ignorant.sync.get()).toMatchObject({
      state: 'blocked',
      pending: 1,
      synced: false,
      lastError: { type: 'needs-decider', message: 'book-any' },
    })
    expect([await dataOf(ignorant), await ignorant.deadLetters.list()]).toEqual([
      [
        { seat: '1', by: 'ann' },
        { seat: '1', by: 'bob' },
      ],
      [],
    ])
    unwrap(await here.execute(book, { seat: '2', by: 'ann' }))
    await network.pass(10_000)
    expect((await ignorant.logHead()).confirmed).toBe(2)
  })

  test('lets another tab that has it lead, and all goes on', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(seating)
    const ignorant = bob.openTab(seating, { hasRules: false })
    await ignorant.ready
    await network.pass(1_000)
    const there = bob.openTab(seating)
    unwrap(await here.execute(book, { seat: '1', by: 'ann' }))
    await network.pass(1_000)
    const { receipt } = unwrap(await there.execute(bookAny, { by: 'bob' }))
    await online(bob, ignorant)
    expect(await there.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 2 })
    for (const log of [here, there, ignorant])
      expect(await dataOf(log)).toEqual([
        { seat: '1', by: 'ann' },
        { seat: '2', by: 'bob' },
      ])
  })

  test('can’t execute, and says so', async () => {
    const [ann] = open()
    const log = ann.openTab(seating, { hasRules: false })
    await expect(log.execute(book, { seat: '1', by: 'ann' })).rejects.toMatchObject({ code: 'tidelog/decider' })
    expect((await log.logHead()).pending).toBe(0)
  })
})

describe('a new version of the app', () => {
  const older = defineLog({ name: 'seating', events, deciders: [bookAny] })
  const newer = defineFor(events).decider({
    name: 'book-any',
    version: 3,
    command: z.object({ by: z.string(), row: z.number(), side: z.string() }),
    upcast: {
      1: (old: { by: string }) => ({ ...old, row: 4 }),
      2: (old: { by: string; row: number }) => ({ ...old, side: `of ${old.by}` }),
    },
    scope: () => ({ query: { types: ['Booked', 'Released'] } }),
    state: hall,
    decide: ({ by, row, side }, state) => [events.Told({ by: `${by} ${row} ${side}`, held: heldOf(state) })],
  })
  const newModel = defineLog({ name: 'seating', events, deciders: [newer] })

  test('decides what an older one left pending, its command brought up to date', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(older)
    const before = bob.openTab(older)
    unwrap(await before.execute(bookAny, { by: 'bob' }))
    await before.close()
    unwrap(await here.execute(bookAny, { by: 'ann' }))
    await network.pass(1_000)
    const after = bob.openTab(newModel)
    await online(bob, after)
    expect(await dataOf(after)).toEqual([
      { seat: '1', by: 'ann' },
      { by: 'bob 4 of bob', held: '1:ann' },
    ])
    expect(after.sync.get()).toMatchObject({ state: 'live', synced: true })
  })

  test('and its command stays for it when an older one is opened again', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(older)
    const newTab = bob.openTab(newModel)
    unwrap(await newTab.execute(newer, { by: 'bob', row: 1, side: 'left' }))
    await newTab.close()
    unwrap(await here.execute(bookAny, { by: 'ann' }))
    await network.pass(1_000)
    const oldTab = bob.openTab(older)
    await online(bob, oldTab)
    expect(oldTab.sync.get()).toMatchObject({ state: 'blocked', lastError: { type: 'needs-decider' }, pending: 1 })
    expect(await oldTab.deadLetters.list()).toEqual([])
    bob.openTab(newModel)
    await network.pass(200_000)
    expect(await dataOf(oldTab)).toEqual([
      { seat: '1', by: 'ann' },
      { by: 'bob 1 left', held: '1:ann' },
    ])
  })
})

describe('an event of an unknown type in the scope', () => {
  const newEvents = defineEvents({
    Booked: event(command, { stream: ({ seat }) => `seat-${seat}`, tags: ['seat'] }),
    Moved: event(command, { stream: ({ seat }) => `seat-${seat}`, tags: ['seat'] }),
  })
  const newModel = defineLog({ name: 'seating', events: newEvents })

  test('lets no command be decided on a part of the state: UpdateNeeded, with the type', async () => {
    const [ann] = open(newModel as never)
    const newer = ann.openTab(newModel)
    const older = ann.openTab(seating)
    unwrap(await newer.append([newEvents.Moved({ seat: '1', by: 'ann' })]))
    const needed = { ok: false, reason: { type: 'UpdateNeeded', eventType: 'Moved', message: expect.any(String) } }
    expect(await older.execute(book, { seat: '1', by: 'bob' })).toEqual(needed)
    expect((await older.execute(book, { seat: '2', by: 'bob' })).ok).toBe(true)
    expect(older.storage.get().state).toBe('ok')
  })

  test('also not again: nothing is refused, everything waits for the update', async () => {
    const [ann, bob] = open(newModel as never)
    const newer = ann.openTab(newModel)
    const older = bob.openTab(seating)
    unwrap(await older.execute(book, { seat: '1', by: 'bob' }))
    unwrap(await newer.append([newEvents.Moved({ seat: '1', by: 'ann' })]))
    await network.pass(1_000)
    await online(bob, older)
    const lastError = { type: 'update-needed', message: 'Moved' }
    expect(older.sync.get()).toMatchObject({ state: 'blocked', lastError, pending: 1 })
    expect(await older.deadLetters.list()).toEqual([])
  })
})

describe('a rule that fails', () => {
  const failing = (name: string, decide: (state: unknown) => unknown, scope: () => unknown = () => ({ stream: 's' })) =>
    defineDecider(events, {
      name,
      command: type<{ nth: number }>(),
      scope: scope as () => { stream: string },
      initial: 0,
      evolve: {},
      decide: ((_command: unknown, state: unknown) => decide(state)) as () => never[],
    }) as AnyDecider
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const deciders: readonly AnyDecider[] = [
    failing('throws', () => {
      throw new Error('no way')
    }),
    failing('throws-nothing', () => {
      throw undefined
    }),
    failing('answers-nothing', () => undefined),
    failing('answers-text', () => 'no'),
    failing('answers-a-promise', () => Promise.resolve([])),
    failing('answers-an-unknown-event', () => [{ type: 'Nope', data: {} }]),
    failing('answers-no-event', () => [undefined]),
    failing('refuses-with-a-date', () => refuse('No', { at: new Date(0) })),
    failing('refuses-with-a-circle', () => refuse('No', cyclic)),
    failing('refuses-without-a-name', () => ({ type: '', data: 1 })),
    failing(
      'looks-at-nothing',
      () => [],
      () => ({}),
    ),
    failing(
      'looks-at-an-empty-query',
      () => [],
      () => ({ query: [] }),
    ),
    failing(
      'throws-in-its-scope',
      () => [],
      () => {
        throw new Error('no way')
      },
    ),
  ]
  const model = defineLog({ name: 'seating', events, deciders: [...deciders, book] as AnyDecider[] })

  test.each(deciders.map((decider) => [decider.name, decider] as const))(
    'is an error, not a “no”: %s; nothing is written, and what comes with it goes on',
    async (name, decider) => {
      const [ann] = open()
      const log = ann.openTab(model)
      const [failed, next] = await Promise.allSettled([
        log.execute(decider, { nth: 1 }),
        log.execute(book, { seat: '1', by: 'ann' }),
      ])
      expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'tidelog/decider' } })
      expect(String(failed.status === 'rejected' && failed.reason.message)).toContain(name)
      expect(next).toMatchObject({ status: 'fulfilled', value: { ok: true } })
      expect(await dataOf(log)).toEqual([{ seat: '1', by: 'ann' }])
    },
  )

  test('is Invalid when its facts are not as their schemas say, TooLarge when they are too many', async () => {
    const strict = defineEvents({ Counted: event(z.object({ nth: z.number() }), { stream: () => 's' }) })
    const decider = (name: string, facts: readonly unknown[]) =>
      defineDecider(strict, {
        name,
        command: type<{ a: 1 }>(),
        scope: () => ({ stream: 's' }),
        initial: 0,
        evolve: {},
        decide: () => facts as never[],
      })
    const counted = (nth: unknown) => ({ type: 'Counted', data: { nth } })
    const wrong = decider('wrong', [counted(1), counted('2')])
    const many = decider(
      'many',
      Array.from({ length: 10_001 }, (_, nth) => counted(nth)),
    )
    const [ann] = open()
    const log = ann.openTab(defineLog({ name: 'seating', events: strict, deciders: [wrong, many] }))
    expect(await log.execute(wrong, { a: 1 })).toMatchObject({
      ok: false,
      reason: { type: 'Invalid', issues: [{ path: expect.stringContaining('events[1].data') }] },
    })
    expect(await log.execute(many, { a: 1 })).toMatchObject({
      ok: false,
      reason: { type: 'TooLarge', what: 'events', max: 10_000 },
    })
    expect((await log.logHead()).marker.revision).toBe(0)
  })

  test('when it decides again blocks sync visibly, and refuses nothing; once it is mended all goes on', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(seating)
    const there = bob.openTab(seating)
    unwrap(await there.execute(bookAny, { by: 'bob' }))
    unwrap(await there.execute(tell, { by: 'bob' }))
    await there.close()
    unwrap(await here.execute(book, { seat: '1', by: 'ann' }))
    await network.pass(1_000)
    const broken = { ...bookAny, decide: () => Promise.resolve([]) } as unknown as typeof bookAny
    const brokenTab = bob.openTab(defineLog({ name: 'seating', events, deciders: [broken, tell] }))
    await online(bob, brokenTab)
    expect(brokenTab.sync.get()).toMatchObject({ state: 'blocked', lastError: { type: 'decider-failed' }, pending: 2 })
    expect(await brokenTab.deadLetters.list()).toEqual([])
    await brokenTab.close()
    const mended = bob.openTab(seating)
    await network.pass(200_000)
    expect(await dataOf(mended)).toEqual([
      { seat: '1', by: 'ann' },
      { seat: '2', by: 'bob' },
      { by: 'bob', held: '1:ann 2:bob' },
    ])
  })

  test('keeps its letter when it is tried again', async () => {
    const [ann, bob] = open()
    const here = ann.openTab(seating)
    const there = bob.openTab(seating)
    const { receipt } = unwrap(await there.execute(book, { seat: '1', by: 'bob' }))
    unwrap(await here.execute(book, { seat: '1', by: 'ann' }))
    await network.pass(1_000)
    await online(bob, there)
    const ignorant = bob.openTab(seating, { hasRules: false })
    await expect(ignorant.deadLetters.retry(receipt.commitId)).rejects.toMatchObject({ code: 'tidelog/decider' })
    expect(await ignorant.deadLetters.list()).toMatchObject([{ commitId: receipt.commitId, decider: 'book' }])
  })
})

describe('a log of its own', () => {
  const openLocal = () => {
    network = new Network(seating as never)
    const browser = network.openBrowser({ isLocal: true })
    return { browser, log: browser.openTab(seating) }
  }

  test('confirms a command at once, with a position', async () => {
    const { log } = openLocal()
    const { receipt, events: recorded } = unwrap(await log.execute(book, { seat: '1', by: 'ann' }))
    expect(recorded).toMatchObject([{ position: 1, version: 1 }])
    expect(await log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
    expect(await log.execute(release, { seat: '1', by: 'bob' })).toMatchObject({ reason: { type: 'NotYours' } })
    expect(await log.withdraw(receipt)).toEqual({ ok: false, reason: { type: 'Confirmed', position: 1 } })
  })

  test('never books a seat twice, in whichever tab, and finds everything when it is opened again', async () => {
    const { browser, log } = openLocal()
    const other = browser.openTab(seating)
    const outcomes = await Promise.all(
      [log, other, log, other].map((tab, nth) => tab.execute(bookAny, { by: `${nth}` }, { commitId: `c${nth}` })),
    )
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(3)
    await Promise.all([log.close(), other.close(), turns()])
    const again = browser.openTab(seating)
    expect(new Set((await dataOf(again)).map((data) => (data as { seat: string }).seat))).toEqual(
      new Set(['1', '2', '3']),
    )
    const done = outcomes.findIndex(({ ok }) => ok)
    expect((await again.execute(bookAny, { by: `${done}` }, { commitId: `c${done}` })).ok).toBe(true)
    expect(await dataOf(again)).toHaveLength(3)
  })
})
