// Reads, views and subscriptions over a store give what those of a browser give, page by page.
import { unwrap } from 'tidelog'
import { createSyncHandler, type LogStore } from 'tidelog/server'
import { openServerLog } from 'tidelog/server/log'
import { type HandlerContext, ReplayError, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { sequence } from '../sequence.ts'
import { amounts, events, office, placed } from './office.fixture.ts'
import { type StoreKind, stage, storeKinds, waitFor } from './stage.fixture.ts'

function opening(kind: StoreKind) {
  const { store, closing } = stage(kind)
  const open = (own: Partial<LogStore> = {}) => {
    const log = openServerLog(office, { store: { ...store(), ...own } })
    closing.unshift(log.close)
    return log
  }
  return { store, open }
}
/** Puts commits into a log as some version of some app has made them. */
async function put(store: LogStore, commits: readonly (readonly object[])[]): Promise<void> {
  const head = await store.head('office')
  const placeables = commits.map((stored, nth) => {
    const id = `old${head.position}-${nth}`
    const text = JSON.stringify({ id, contentId: id, time: '2020-01-01T00:00:00.000Z', events: stored })
    return { id, contentId: id, eventsCount: stored.length, text }
  })
  await store.append('office', head.position, sequence(placeables, head))
}
const stored = (type: string, order: string, more: object = {}) => ({
  type,
  stream: `order-${order}`,
  data: { order, amount: 1 },
  tags: [`order:${order}`],
  ...more,
})

describe.each(storeKinds)('over %s', (kind) => {
  const { store, open } = opening(kind)

  test('each event is read once and in order, over many pages and commits of many events, both ways', async () => {
    // Sizes that no page divides, so that commits lie across the ends of pages.
    const sizes = Array.from({ length: 900 }, (_, nth) => 1 + (nth % 13))
    await put(
      store(),
      sizes.map((size, nth) => Array.from({ length: size }, (_, at) => stored('Placed', `${(nth + at) % 7}`))),
    )
    const total = sizes.reduce((sum, size) => sum + size)
    const log = open()
    const positions: (number | undefined)[] = []
    for await (const event of log.read()) positions.push(event.position)
    expect(positions).toEqual(Array.from({ length: total }, (_, at) => at + 1))
    const back = await log.read({ direction: 'backwards' }).all()
    expect(back.events.map(({ position }) => position)).toEqual([...positions].reverse())
    const of3 = (await log.read({ stream: 'order-3' }).all()).events
    expect(of3.map(({ version }) => version)).toEqual(of3.map((_, at) => at + 1))
    expect(of3.length).toBe((await log.read({ query: { tags: { order: '3' } } }).all()).events.length)
    const some = await log.read({ stream: 'order-3', fromVersion: 10, toVersion: 12 }).all()
    expect(some.events.map(({ version }) => version)).toEqual([10, 11, 12])
    const few = await log.read({ fromPosition: 100, limit: 3 }).all()
    expect(few.events.map(({ position }) => position)).toEqual([100, 101, 102])
  })
  test('a subscription from the start gives each event once, over all pages, and goes on live', async () => {
    await put(
      store(),
      Array.from({ length: 700 }, (_, nth) =>
        Array.from({ length: 1 + (nth % 5) }, () => stored('Placed', `${nth % 3}`)),
      ),
    )
    const { position } = await store().head('office')
    const [log, other] = [open(), open()]
    const seen: (number | undefined)[] = []
    const all = subscribe(log, { from: 'start' }, (event) => void seen.push(event.position))
    const some: string[] = []
    subscribe(log, { stream: 'order-1', from: 'head' }, (event) => void some.push(event.type))
    await waitFor(() => expect(all.status.get().state).toBe('live'))
    unwrap(await other.append([placed('1'), placed('2')]))
    unwrap(await log.append([placed('1')]))
    await waitFor(() => expect(seen).toHaveLength(position + 3))
    expect(seen).toEqual(seen.map((_, at) => at + 1))
    await waitFor(() => expect(some).toEqual(['Placed', 'Placed']))
    expect(await all.stop()).toEqual({ reason: 'stopped' })
  })
  test('old data is brought up, and what this version does not know is kept and shown', async () => {
    await put(store(), [
      [stored('Noted', 'a', { data: { order: 'a', text: 'hear' } })],
      [stored('Whistled', 'a')],
      [stored('Telegram', 'a')],
    ])
    const log = open()
    const { events: all } = await log.read({ unknown: 'yield' }).all()
    expect(all.map(({ type, data }) => [type, data])).toEqual([
      ['Noted', { order: 'a', words: 'hear!' }],
      ['$unknown', { order: 'a', amount: 1 }],
      ['Letter', { order: 'a', amount: 1 }],
    ])
    // Who asks for what a retired type has become finds what is stored under it.
    const letters = await log.read({ query: { types: ['Letter'] } }).all()
    expect(letters.events).toHaveLength(1)
    expect((await log.read().all()).events.map(({ type }) => type)).toEqual(['Noted', 'Letter'])
  })
  test('what can not be decoded is parked as what it is, and those beside it go on', async () => {
    await put(store(), [[stored('Placed', 'a')], [stored('Noted', 'a', { data: null })], [stored('Placed', 'b')]])
    const log = open()
    await expect(log.read().all()).rejects.toMatchObject({ code: 'tidelog/data' })
    const errors: unknown[] = []
    const recover = (error: unknown, _: HandlerContext) => {
      errors.push(error)
      return false
    }
    const seen: string[] = []
    const options = { name: 'reader', onError: { giveUp: 'park', recover } } as const
    const subscription = subscribe(log, options, ({ stream }) => void seen.push(stream))
    await waitFor(() => expect(seen).toEqual(['order-a', 'order-b']))
    expect(subscription.failures.get()).toMatchObject([{ position: 2, type: 'Noted', status: 'parked' }])
    expect(errors[0]).toBeInstanceOf(ReplayError)
    expect(errors[0]).toMatchObject({ position: 2, raw: { data: null } })
  })
  test('a view follows what others append, and waits for a receipt', async () => {
    const [log, other] = [open(), open()]
    const view = log.view(amounts)
    expect(await view.ready).toEqual({})
    const { receipt } = unwrap(await other.append([placed('a', 2), placed('a', 3)]))
    expect(await view.waitFor(receipt)).toEqual({ a: 5 })
    unwrap(await other.append([placed('b', 1)]))
    await waitFor(() => expect(view.get()).toEqual({ a: 5, b: 1 }))
  })
  test('what is erased is gone from reads and states at once', async () => {
    const log = open()
    unwrap(await log.append([placed('a', 2), placed('b', 3)]))
    const view = log.view(amounts)
    expect(await view.ready).toEqual({ a: 2, b: 3 })
    await put(store(), [[{ type: '$erased', stream: 'order-a', data: {} }]])
    const { events: left } = await log.read({ unknown: 'yield' }).all()
    expect(left[0]).toMatchObject({ type: '$unknown', originalType: 'Placed', data: null, isErased: true })
    await waitFor(() => expect(view.get()).toEqual({ b: 3 }))
  })
  test('a read of one stream does not read what lies between its events', async () => {
    // More than is kept in memory of what came last.
    const amount = 'x'.repeat(2_000)
    const orders = Array.from({ length: 1_000 }, (_, nth) => (nth % 200 === 0 ? 'rare' : 'often'))
    await put(
      store(),
      orders.map((order) => [stored('Whistled', order, { data: { amount } })]),
    )
    let given = 0
    const range: LogStore['range'] = async (...args) => {
      const page = await store().range(...args)
      given += page.commits.length
      return page
    }
    const log = open({ range })
    await log.ready
    expect(given).toBe(1_000)
    given = 0
    expect((await log.read({ stream: 'order-rare', unknown: 'yield' }).all()).events).toHaveLength(5)
    expect(given).toBeGreaterThan(1)
    expect(given).toBeLessThanOrEqual(5)
  })
  test('a log that became shorter is said to be lost, and not read on', async () => {
    const log = open()
    unwrap(await log.append([placed('a'), placed('b')]))
    let isShorter = false
    const lost = open({
      range: async (...args) => (isShorter ? { commits: [], head: 1 } : store().range(...args)),
    })
    await lost.ready
    isShorter = true
    await expect(lost.read().all()).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
  })
})

test('what consumers keep can not be asked for, nor forged, by any request', async () => {
  const { memoryStore } = await import('tidelog/server')
  const { keptLogName } = await import('./kept-log.ts')
  const store = memoryStore()
  const log = openServerLog(office, { store })
  unwrap(await log.append([placed('a')]))
  const subscription = subscribe(log, { name: 'reader', to: 'head' }, () => {})
  await subscription.ended
  expect((await store.head(keptLogName('office'))).position).toBeGreaterThan(0)
  const headers = { 'tidelog-protocol': '1' }
  for (const tenantOf of [undefined, () => 'office', () => '']) {
    const handler = createSyncHandler({ store, ...(tenantOf && { tenantOf }), onError: () => {} })
    for (const name of [keptLogName('office'), '\u001fkept', keptLogName('').slice(1)]) {
      const path = `http://s/sync/${encodeURIComponent(name)}/pull?position=0&digest=0000000000000000`
      const answer = await handler(new Request(path, { headers }))
      const body = await answer.text()
      expect(body).not.toContain('reader')
    }
  }
  expect(events.Placed).toBeDefined()
  await log.close()
})
