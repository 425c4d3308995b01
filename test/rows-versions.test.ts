// Two versions of an app over one database and one server: what the older one does not know, and what the newer one can't
// read.

import { defineEvents, defineFor, defineLog, event, isTidelogError, type SyncControl, unwrap } from 'tidelog'
import { exportLog, importLog } from 'tidelog/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Browser, Network } from './tabs.ts'

const networks: Network[] = []
afterEach(async () => {
  for (const network of networks.splice(0)) await network.close()
})
const newNetwork = (model: ConstructorParameters<typeof Network>[0]): Network => {
  const network = new Network(model)
  networks.push(network)
  return network
}
const pass = (network: Network) => network.pass(100_000)
const online = async (network: Network, browser: Browser, { sync }: { readonly sync: SyncControl }): Promise<void> => {
  browser.online()
  sync.now()
  await pass(network)
}
const any = (value: unknown): never => value as never
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
interface Readable {
  read(options?: { readonly unknown: 'yield' }): { all(): Promise<{ readonly events: readonly unknown[] }> }
}
const readAll = async (log: Readable) => plain((await log.read({ unknown: 'yield' }).all()).events)
const typesIn = async (log: Readable) =>
  (await readAll(log)).map(({ type, originalType }: Record<string, string>) => originalType ?? type)

const options = { stream: ({ id }: { readonly id: string }) => `order-${id}`, tags: ['id'] } as const
const id = z.string()
const oldEvents = defineEvents({
  Ordered: event(z.object({ id, status: z.enum(['open', 'paid']) }), options),
  Shipped: event(z.object({ id, by: z.string() }), options),
})
/** A value more in an enum, a version more of a type, and a type more. */
const newEvents = defineEvents({
  Ordered: event(z.object({ id, status: z.enum(['open', 'paid', 'refunded']), note: z.string().optional() }), options),
  Shipped: event(z.object({ id, carrier: z.object({ name: z.string(), tracked: z.boolean() }) }), {
    ...options,
    version: 2,
    upcast: { 1: ({ id, by }: { id: string; by: string }) => ({ id, carrier: { name: by, tracked: false } }) },
  }),
  Rated: event(z.object({ id, stars: z.number(), words: z.record(z.string(), z.array(z.string())) }), options),
})
const older = defineLog({ name: 'orders', events: oldEvents })
const newer = defineLog({ name: 'orders', events: newEvents })
const newFacts = () => [
  newEvents.Ordered({ id: '1', status: 'refunded', note: 'Grüße 😀' }),
  newEvents.Shipped({ id: '1', carrier: { name: 'sea', tracked: true } }),
  newEvents.Rated({ id: '1', stars: 4.5, words: { de: ['gut', ''], constructor: [] } }),
]
const metadata = { correlationId: 'k', note: 'of the newer app' }

describe('events of a newer version', () => {
  test('GR-10 are given by an older one as they are, their data whole, and stay whole beside what it appends', async () => {
    const network = newNetwork(any(newer))
    const browser = network.openBrowser()
    browser.offline()
    const after = browser.openTab(newer)
    unwrap(await after.append(newFacts(), { metadata }))
    const before = browser.openTab(older)
    for (const isConfirmed of [false, true]) {
      if (isConfirmed) await online(network, browser, before)
      const shown = await readAll(before)
      expect(shown).toMatchObject([
        { type: 'Ordered', data: { status: 'refunded', note: 'Grüße 😀' } },
        { type: '$unknown', originalType: 'Shipped', data: { carrier: { name: 'sea', tracked: true } } },
        { type: '$unknown', originalType: 'Rated', data: { stars: 4.5, words: { de: ['gut', ''], constructor: [] } } },
      ])
      for (const one of shown) expect(one).toMatchObject({ stream: 'order-1', tags: ['id:1'], metadata })
      const known = ({ originalType, type, ...rest }: Record<string, unknown>) => ({
        ...rest,
        type: originalType ?? type,
      })
      expect(shown.map(known)).toEqual((await readAll(after)).map((one: Record<string, unknown>) => known(one)))
      expect((await before.read().all()).events.map(({ type }) => type)).toEqual(['Ordered'])
    }
    const kept = await readAll(after)
    unwrap(await before.append([oldEvents.Shipped({ id: '1', by: 'land' })], { expectedVersion: 3 }))
    await pass(network)
    const other = network.openBrowser().openTab(newer)
    await pass(network)
    for (const log of [after, other]) {
      expect((await readAll(log)).slice(0, 3)).toEqual(kept)
      expect((await readAll(log))[3]).toMatchObject({ version: 4, data: { carrier: { name: 'land', tracked: false } } })
    }
  })

  test('GR-10 that wait on the device are sent whole by an older version, also through a server that is older still', async () => {
    const network = newNetwork(any(older))
    const browser = network.openBrowser()
    browser.offline()
    const after = browser.openTab(newer)
    const facts = newFacts().slice(1)
    unwrap(await after.append(facts, { metadata }))
    unwrap(await after.append([newEvents.Rated({ id: '2', stars: 1, words: {} })], { expectedVersion: 0 }))
    const written = await readAll(after)
    await after.close()
    const before = browser.openTab(older)
    unwrap(await before.append([oldEvents.Ordered({ id: '2', status: 'open' })], { expectedVersion: 1 }))
    await online(network, browser, before)
    expect(before.sync.get()).toMatchObject({ state: 'live', synced: true, pending: 0 })
    const other = network.openBrowser().openTab(newer)
    await pass(network)
    expect((await readAll(other)).slice(0, 3)).toEqual(
      written.map((one: object, at: number) => ({ ...one, position: at + 1 })),
    )
    expect(await typesIn(other)).toEqual(['Shipped', 'Rated', 'Rated', 'Ordered'])
    expect(await before.deadLetters.list()).toEqual([])
  })

  test('GR-10 come whole through a file that an older version writes and another one reads', async () => {
    const network = newNetwork(any(newer))
    const browser = network.openBrowser()
    const after = browser.openTab(newer)
    unwrap(await after.append(newFacts(), { metadata }))
    const before = browser.openTab(older)
    unwrap(await before.append([oldEvents.Ordered({ id: '1', status: 'open' })]))
    await pass(network)
    const pieces: Uint8Array[] = []
    for await (const { bytes } of exportLog(before)) pieces.push(bytes)
    const elsewhere = newNetwork(any(newer))
    const away = elsewhere.openBrowser()
    const reader = away.openTab(older)
    expect(await importLog(reader, pieces).finished).toEqual({ commits: 2, events: 4, refused: [] })
    await pass(elsewhere)
    const other = elsewhere.openBrowser().openTab(newer)
    await pass(elsewhere)
    const all = await readAll(after)
    expect(all).toHaveLength(4)
    for (const log of [away.openTab(newer), other]) expect(await readAll(log)).toEqual(all)
  })
})

describe('data that the present version can not read', () => {
  const wrong = new Error('no amount')
  const paidEvents = defineEvents({
    Paid: event(z.object({ id, cents: z.number() }), {
      ...options,
      version: 2,
      upcast: {
        1: (data: { id: string; amount?: string }) => {
          if (data.amount === undefined) throw wrong
          return { id: data.id, cents: Number(data.amount) * 100 }
        },
      },
    }),
  })
  const writer = defineLog({
    name: 'till',
    events: defineEvents({ Paid: event(z.object({ id, amount: z.string().optional() }), options) }),
  })
  const reader = defineLog({ name: 'till', events: paidEvents })
  const total = defineFor(paidEvents).projection<number>({
    name: 'total',
    version: 1,
    initial: 0,
    on: { Paid: (sum, { data }) => sum + data.cents },
  })

  test('TS-14 is a data error that names the event by id and position, with its cause, in reads and views', async () => {
    const network = newNetwork(any(writer))
    const browser = network.openBrowser()
    browser.offline()
    const before = browser.openTab(writer)
    const facts = [{ id: 'a', amount: '1' }, { id: 'b' }, { id: 'c', amount: '2' }]
    for (const data of facts) unwrap(await before.append([writer.events.Paid(data)]))
    const bad = (await before.read().all()).events[1]!
    const after = browser.openTab(reader)
    const mustName = (error: unknown, place: string) => {
      expect(isTidelogError(error, 'tidelog/data')).toBe(true)
      expect(error).toMatchObject({ code: 'tidelog/data', cause: wrong })
      const { message } = error as Error
      expect([message, message.includes(bad.id), message.includes(place)]).toEqual([message, true, true])
    }
    for (const place of ['position undefined', 'position 2']) {
      if (place === 'position 2') await online(network, browser, before)
      const view = after.view(total)
      mustName(
        await after
          .read()
          .all()
          .catch((error: unknown) => error),
        place,
      )
      mustName(await view.ready.catch((error: unknown) => error), place)
      mustName(view.error(), place)
      // What lies beside it is read all the same, and nothing was taken for it.
      for (const [stream, cents] of [
        ['order-a', 100],
        ['order-c', 200],
      ] as const)
        expect((await after.read({ stream }).all()).events).toMatchObject([{ data: { cents } }])
      expect((await after.logHead()).pending + (await after.logHead()).confirmed).toBe(3)
    }
    const refused = after.append([paidEvents.Paid({ id: 'd', cents: 1 })], { failIfEventsMatch: { tags: { id: 'b' } } })
    mustName(await refused.catch((error: unknown) => error), 'position 2')
    expect((await before.read().all()).events.map(({ data }) => data)).toEqual(facts)
  })
})
