// Events whose shape has changed several times, with each of the schema libraries, through the public entries.

import { type as ark } from 'arktype'
import { defineEvents, defineFor, defineLog, event, isTidelogError, refuse, type, unwrap } from 'tidelog'
import * as v from 'valibot'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Network } from './tabs.ts'

let network: Network
afterEach(() => network.close())

const options = { stream: ({ id }: { readonly id: string }) => `order-${id}`, tags: ['id'] } as const
interface First {
  readonly id: string
  readonly amount: string
}
interface Second {
  readonly id: string
  readonly cents: number
}
interface Third extends Second {
  readonly currency: string
}
const upcast = {
  1: ({ id, amount }: First): Second => ({ id, cents: Math.round(Number(amount) * 100) }),
  2: (old: Second): Third => ({ ...old, currency: 'EUR' }),
}
/** Three versions of one app, by each library. */
const libraries = {
  zod: [
    z.object({ id: z.string(), amount: z.string() }),
    z.object({ id: z.string(), cents: z.number() }),
    z.object({ id: z.string(), cents: z.number().int(), currency: z.string() }),
  ],
  valibot: [
    v.object({ id: v.string(), amount: v.string() }),
    v.object({ id: v.string(), cents: v.number() }),
    v.object({ id: v.string(), cents: v.pipe(v.number(), v.integer()), currency: v.string() }),
  ],
  arktype: [
    ark({ id: 'string', amount: 'string' }),
    ark({ id: 'string', cents: 'number' }),
    ark({ id: 'string', cents: 'number.integer', currency: 'string' }),
  ],
} as const
const command = type<{ id: string; cents: number }>()

function versionsBy([first, second, third]: (typeof libraries)[keyof typeof libraries]) {
  const one = defineEvents({ Paid: event(first, options) })
  const two = defineEvents({ Paid: event(second, { ...options, version: 2, upcast }) })
  const three = defineEvents({ Paid: event(third, { ...options, version: 3, upcast }) })
  const define = defineFor(three)
  const total = define.projection<Readonly<Record<string, number>>>({
    name: 'total',
    version: 1,
    initial: {},
    on: {
      Paid: (state, { data }) => ({ ...state, [data.currency]: (state[data.currency] ?? 0) + data.cents }),
    },
  })
  const payUpTo = define.decider({
    name: 'pay',
    command,
    scope: () => ({ query: { types: ['Paid'] } }),
    state: total,
    decide: ({ id, cents }, { EUR: paid = 0 }) =>
      paid + cents > 1_000 ? refuse('TooMuch', { paid }) : [three.Paid({ id, cents, currency: 'EUR' })],
  })
  return {
    one: defineLog({ name: 'till', events: one }),
    two: defineLog({ name: 'till', events: two }),
    three: defineLog({ name: 'till', events: three, deciders: [payUpTo] }),
    total,
    payUpTo,
  }
}

describe.each(Object.entries(libraries))('events of three versions, with %s', (_, schemas) => {
  function open() {
    const versions = versionsBy(schemas)
    network = new Network(versions.three as never)
    const browser = network.openBrowser()
    browser.offline()
    return { ...versions, browser }
  }
  const datas = async (log: { read(): { all(): Promise<{ events: readonly { data: unknown }[] }> } }) =>
    (await log.read().all()).events.map(({ data }) => data)

  test('CART-B are brought up step by step from whichever version, pending and confirmed, in reads, views and decisions', async () => {
    const { one, two, three, total, payUpTo, browser } = open()
    const oldest = browser.openTab(one)
    unwrap(await oldest.append([one.events.Paid({ id: 'a', amount: '1.50' })]))
    const middle = browser.openTab(two)
    unwrap(await middle.append([two.events.Paid({ id: 'b', cents: 250 })]))
    const newest = browser.openTab(three)
    unwrap(await newest.append([three.events.Paid({ id: 'c', cents: 400, currency: 'EUR' })]))
    const now = [
      { id: 'a', cents: 150, currency: 'EUR' },
      { id: 'b', cents: 250, currency: 'EUR' },
      { id: 'c', cents: 400, currency: 'EUR' },
    ]
    for (const isConfirmed of [false, true]) {
      if (isConfirmed) {
        browser.online()
        newest.sync.now()
        await network.pass(10_000)
        expect(newest.sync.get()).toMatchObject({ synced: true, confirmed: 3 })
      }
      expect(await datas(newest)).toEqual(now)
      expect(await datas(middle)).toEqual([
        { id: 'a', cents: 150 },
        { id: 'b', cents: 250 },
      ])
      expect(await datas(oldest)).toEqual([{ id: 'a', amount: '1.50' }])
      const view = newest.view(total)
      expect(await view.waitFor((await newest.logHead()).marker)).toEqual({ EUR: 800 })
      expect(await newest.execute(payUpTo, { id: 'd', cents: 201 })).toMatchObject({
        ok: false,
        reason: { type: 'TooMuch', data: { paid: 800 } },
      })
      expect((await newest.read({ query: { tags: { id: 'a' } } }).all()).events).toMatchObject([{ data: now[0] }])
    }
    expect((await newest.execute(payUpTo, { id: 'd', cents: 200 })).ok).toBe(true)
  })

  test('are checked by the schema of today when they are appended, and what it does not take is not written', async () => {
    const { three, browser } = open()
    const log = browser.openTab(three)
    const wrong = await log.append([three.events.Paid({ id: 'a', cents: 1.5, currency: 7 } as never)])
    expect(wrong).toMatchObject({ ok: false, reason: { type: 'Invalid' } })
    const issues = !wrong.ok && wrong.reason.type === 'Invalid' ? wrong.reason.issues.map(({ path }) => path) : []
    expect(new Set(issues)).toEqual(new Set(['events[0].data.cents', 'events[0].data.currency']))
    expect((await log.logHead()).marker.revision).toBe(0)
  })
})

test('TS-14 a step that fails is a data error that names the step, the event and its position; the other steps are not to blame', async () => {
  const wrong = new Error('no such amount')
  const models = versionsBy(libraries.zod)
  const strict = defineEvents({
    Paid: event(libraries.zod[2], {
      ...options,
      version: 3,
      upcast: {
        ...upcast,
        2: (old: Second): Third => {
          if (Number.isNaN(old.cents)) throw wrong
          return { ...old, currency: 'EUR' }
        },
      },
    }),
  })
  network = new Network(models.one as never)
  const browser = network.openBrowser({ isLocal: true })
  const oldest = browser.openTab(models.one)
  unwrap(await oldest.append([models.one.events.Paid({ id: 'a', amount: '1' })]))
  unwrap(await oldest.append([models.one.events.Paid({ id: 'b', amount: 'one' })]))
  const [, bad] = (await oldest.read().all()).events
  const newest = browser.openTab(defineLog({ name: 'till', events: strict }))
  const error: unknown = await newest
    .read()
    .all()
    .catch((reason: unknown) => reason)
  expect(isTidelogError(error, 'tidelog/data')).toBe(true)
  expect(error).toMatchObject({ message: `upcast[2] of event ${bad?.id} at position 2`, cause: wrong })
  expect((await newest.read({ toPosition: 1 }).all()).events).toMatchObject([{ data: { id: 'a', cents: 100 } }])
})

test('TS-14 what an upcaster makes has to be as the schema says, and is what the schema makes of it', async () => {
  const first = defineEvents({ Noted: event(z.object({ text: z.string() }), { stream: () => 'notes' }) })
  const made: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    list: [],
    wrong: { text: 1 },
    good: { text: 'x' },
  }
  const second = defineEvents({
    Noted: event(z.object({ text: z.string(), mark: z.string().default('none') }), {
      version: 2,
      upcast: { 1: ({ text }: { text: string }) => made[text] },
      stream: () => 'notes',
    }),
  })
  network = new Network(defineLog({ name: 'notes', events: first }) as never)
  const browser = network.openBrowser({ isLocal: true })
  const old = browser.openTab(defineLog({ name: 'notes', events: first }))
  for (const text of Object.keys(made)) unwrap(await old.append([first.Noted({ text })]))
  const log = browser.openTab(defineLog({ name: 'notes', events: second }))
  for (const position of [1, 2, 3])
    await expect(log.read({ fromPosition: position, toPosition: position }).all()).rejects.toMatchObject({
      code: 'tidelog/data',
      message: expect.stringContaining(`at position ${position}`),
    })
  expect((await log.read({ fromPosition: 4 }).all()).events).toMatchObject([{ data: { text: 'x', mark: 'none' } }])
})

test('AE-5 a read that takes what is unknown gives an event that can not be decoded as it is stored, and goes on', async () => {
  const first = defineEvents({ Noted: event(type<{ text: string }>(), { stream: () => 'notes' }) })
  const second = defineEvents({
    Noted: event(type<{ text: string; length: number }>(), {
      version: 2,
      upcast: {
        1: ({ text }: { text: string | null }) => {
          if (text === null) throw new Error('there is no text')
          return { text, length: text.length }
        },
      },
      stream: () => 'notes',
    }),
  })
  network = new Network(defineLog({ name: 'notes', events: first }) as never)
  const browser = network.openBrowser({ isLocal: true })
  const old = browser.openTab(defineLog({ name: 'notes', events: first }))
  for (const text of ['a', null as never, 'ccc']) unwrap(await old.append([first.Noted({ text })]))
  const log = browser.openTab(defineLog({ name: 'notes', events: second }))
  await expect(log.read().all()).rejects.toMatchObject({ code: 'tidelog/data' })
  expect((await log.read({ unknown: 'yield' }).all()).events).toMatchObject([
    { type: 'Noted', data: { text: 'a', length: 1 } },
    {
      type: '$unknown',
      originalType: 'Noted',
      data: { text: null },
      position: 2,
      problem: expect.stringMatching(/upcast\[1\].*position 2/),
    },
    { type: 'Noted', data: { text: 'ccc', length: 3 } },
  ])
})
