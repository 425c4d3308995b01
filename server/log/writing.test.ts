// What is appended on the server is judged as what devices push, and both see each other at once.
import { unwrap } from 'tidelog'
import { closeStream } from 'tidelog/lifecycle'
import { createSyncHandler, type LogStore, StoreError } from 'tidelog/server'
import { openServerLog } from 'tidelog/server/log'
import { describe, expect, test } from 'vitest'
import { amounts, events, office, placed, seats, ship, takeSeat } from './office.fixture.ts'
import { stage, storeKinds } from './stage.fixture.ts'

describe.each(storeKinds)('over %s', (kind) => {
  const { store, closing } = stage(kind)
  const open = (options: object = {}) => {
    const log = openServerLog(office, { store: store(), ...options })
    closing.unshift(log.close)
    return log
  }
  const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
  const push = async (commits: readonly object[], seen?: object) => {
    const handler = createSyncHandler({ model: office, store: store() })
    const body = JSON.stringify({ protocol: 1, seen: seen ?? { position: 0, digest: '0000000000000000' }, commits })
    const answer = await handler(new Request('http://s/sync/office/push', { method: 'POST', headers, body }))
    handler.stop()
    return (await answer.json()) as { readonly verdicts: readonly { readonly verdict: string }[] }
  }
  const commitOf = (id: string, order: string, condition?: object) => ({
    id,
    contentId: `${id}.c`,
    time: '2026-01-01T00:00:00.000Z',
    events: [{ type: 'Placed', stream: `order-${order}`, data: { order, amount: 1 }, tags: [`order:${order}`] }],
    condition,
  })

  test('what is appended is confirmed at once, and read with its place', async () => {
    const log = open()
    const { receipt, events: recorded } = unwrap(
      await log.append([placed('a'), placed('b'), placed('a', 2)], { metadata: { actor: 'clerk' } }),
    )
    expect(receipt).toMatchObject({ versions: { 'order-a': 2, 'order-b': 1 }, durable: true })
    expect(recorded.map(({ position, version }) => [position, version])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ])
    const { events: read, head } = await log.read({ stream: 'order-a' }).all()
    expect(read.map(({ data, position, version }) => [data, position, version])).toEqual([
      [{ order: 'a', amount: 1 }, 1, 1],
      [{ order: 'a', amount: 2 }, 3, 2],
    ])
    expect(read[0]?.metadata).toEqual({ actor: 'clerk' })
    expect(head).toEqual(receipt.head)
    expect(await log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
    expect(await log.streamHead('order-a')).toEqual({ version: 2, confirmed: 2 })
    expect((await log.logHead()).confirmed).toBe(3)
  })
  test('an expected version that is not there is a conflict', async () => {
    const log = open()
    unwrap(await log.append([placed('a')], { expectedVersion: 0 }))
    const again = await log.append([placed('a')], { expectedVersion: 0 })
    expect(again).toMatchObject({ ok: false, reason: { type: 'VersionConflict', expected: 0, actual: 1 } })
    const none = await log.append('order-b', [placed('b')], { expectedVersion: 'exists' })
    expect(none).toMatchObject({ ok: false, reason: { type: 'VersionConflict', actual: 0 } })
    unwrap(await log.append([placed('a')], { expectedVersion: 'exists' }))
    unwrap(await log.append([placed('a')], { expectedVersion: 2 }))
  })
  test('a query that matches what came behind a marker is a conflict, and names it', async () => {
    const log = open()
    unwrap(await log.append([placed('a')]))
    const query = { tags: { order: 'a' } }
    const { head } = await log.read({ query }).all()
    const first = await log.append([placed('a', 2)], { failIfEventsMatch: query, after: head })
    unwrap(first)
    const second = await log.append([placed('a', 3)], { failIfEventsMatch: query, after: head })
    expect(second).toMatchObject({
      ok: false,
      reason: { type: 'ConditionConflict', events: [{ type: 'Placed', data: { order: 'a', amount: 2 } }] },
    })
    const other = { ...head, database: 'another' }
    await expect(log.append([placed('a')], { failIfEventsMatch: query, after: other })).rejects.toMatchObject({
      code: 'tidelog/marker-expired',
    })
  })
  test('the same commit is appended once, also by another process; other content is refused', async () => {
    const [one, other] = [open(), open()]
    const first = unwrap(await one.append([placed('a')], { commitId: 'mine' }))
    for (const log of [one, other]) {
      const again = unwrap(await log.append([placed('a')], { commitId: 'mine' }))
      expect(again.events).toEqual(first.events)
      expect(await log.append([placed('b')], { commitId: 'mine' })).toMatchObject({
        ok: false,
        reason: { type: 'IdTaken', commitId: 'mine' },
      })
    }
    const both = await Promise.all([one, other].map((log) => log.append([placed('c')], { commitId: 'both' })))
    expect(both.map(({ ok }) => ok)).toEqual([true, true])
    expect((await other.logHead()).confirmed).toBe(2)
  })
  test('what the schema, the size or the end of a stream forbids is refused as in a browser', async () => {
    const log = open()
    const wrong = await log.append([{ type: 'Placed', data: { order: 1 } } as never])
    expect(wrong).toMatchObject({
      ok: false,
      reason: { type: 'Invalid', issues: [{ path: 'events[0].data.order' }, {}] },
    })
    const large = await log.append([
      placed('x'.repeat(300)),
      events.Noted({ order: 'a', words: 'x'.repeat(1_000_000) }),
    ])
    expect(large).toMatchObject({ ok: false, reason: { type: 'TooLarge', what: 'bytes' } })
    unwrap(await log.append([placed('a')]))
    unwrap(await closeStream(log, 'order-a'))
    expect(await log.append([placed('a')])).toMatchObject({ ok: false, reason: { type: 'StreamClosed' } })
    expect(await open().append([placed('a')])).toMatchObject({ ok: false, reason: { type: 'StreamClosed' } })
    await expect(
      log.append('views-home', [events.Viewed({ page: 'home' })], { expectedVersion: 0 }),
    ).rejects.toMatchObject({ code: 'tidelog/argument' })
  })
  test('a rule of the operator rejects what is appended here, too', async () => {
    const log = open({ validate: () => ({ type: 'about:blank', title: 'Not on Sundays' }) })
    expect(await log.append([placed('a')])).toMatchObject({
      ok: false,
      reason: { type: 'Invalid', message: 'Not on Sundays' },
    })
  })
  test('a command is decided on the whole log, and refused with its reason', async () => {
    const log = open()
    expect(await log.execute(ship, { order: 'a' })).toMatchObject({
      ok: false,
      reason: { type: 'NoSuchOrder', data: { order: 'a' } },
    })
    unwrap(await log.append([placed('a')]))
    const done = unwrap(await log.execute(ship, { order: 'a' }))
    expect(done.events).toMatchObject([{ type: 'Shipped', stream: 'order-a', position: 2, version: 2 }])
    expect(unwrap(await log.execute(ship, { order: 'a' })).events).toEqual([])
    expect(await log.execute(ship, { order: '' })).toMatchObject({ ok: false, reason: { type: 'Invalid' } })
  })
  test('a lost race is decided again: of many processes no more get a seat than there are', async () => {
    const logs = Array.from({ length: 4 }, () => open())
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, nth) => logs[nth % 4]?.execute(takeSeat, { hall: 'h', by: `${nth}` })),
    )
    expect(outcomes.filter((one) => one?.ok)).toHaveLength(seats)
    expect(outcomes.filter((one) => one?.ok === false && one.reason.type === 'Full')).toHaveLength(20 - seats)
    expect((await logs[0]?.logHead())?.confirmed).toBe(seats)
  })
  test('what is asked for at one moment is decided in its order, each on what stands before it', async () => {
    const log = open()
    const wishes = Array.from({ length: 4 * seats }, (_, nth) => log.execute(takeSeat, { hall: 'h', by: `${nth}` }))
    expect((await Promise.all(wishes)).map(({ ok }) => ok)).toEqual(wishes.map((_, nth) => nth < seats))
    const [first, second] = await Promise.all([
      log.append([placed('a')], { expectedVersion: 0 }),
      log.append([placed('a')], { expectedVersion: 0 }),
    ])
    expect([first.ok, second.ok]).toEqual([true, false])
    const [, shipped, again] = await Promise.all([
      log.append([placed('b')]),
      log.execute(ship, { order: 'b' }),
      log.execute(ship, { order: 'b' }),
    ])
    expect(unwrap(shipped).events).toMatchObject([{ type: 'Shipped', version: 2 }])
    expect(unwrap(again).events).toEqual([])
  })
  test('a decision after an erasure is made on what is left', async () => {
    const log = open()
    for (let nth = 0; nth < seats; nth++) unwrap(await log.execute(takeSeat, { hall: 'h', by: `${nth}` }))
    expect((await log.execute(takeSeat, { hall: 'h', by: 'late' })).ok).toBe(false)
    const erased = { type: '$erased', stream: 'hall-h', data: {} }
    await push([{ ...commitOf('e', 'a'), events: [erased] }])
    expect((await log.execute(takeSeat, { hall: 'h', by: 'late' })).ok).toBe(true)
  })
  test('an append under a condition that a race broke is a conflict, and one that it did not is taken', async () => {
    const [one, other] = [open(), open()]
    for (let round = 0; round < 20; round++) {
      const order = `${round}`
      const outcomes = await Promise.all([
        one.append([placed(order)], { expectedVersion: 0 }),
        other.append([placed(order)], { expectedVersion: 0 }),
        one.append([placed(`${order}x`)], { expectedVersion: 0 }),
        other.append([placed(`${order}y`)]),
      ])
      expect(outcomes.slice(0, 2).filter(({ ok }) => ok)).toHaveLength(1)
      expect(outcomes.slice(2).map(({ ok }) => ok)).toEqual([true, true])
    }
  })
  test('what a device pushes is seen here, and its conditions see what was appended here', async () => {
    const log = open()
    const start = await store().head('office')
    unwrap(await log.append([placed('a')]))
    const none = { streams: ['order-a'] }
    expect(await push([commitOf('p1', 'a', none)], start)).toMatchObject({ verdicts: [{ verdict: 'conflict' }] })
    expect(await push([commitOf('p2', 'b')], start)).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(await log.append([placed('b')], { expectedVersion: 0 })).toMatchObject({
      ok: false,
      reason: { type: 'VersionConflict', actual: 1 },
    })
    const view = log.view(amounts)
    const { marker } = await log.logHead()
    expect(await view.waitFor(marker)).toEqual({ a: 1, b: 1 })
  })
  test('a commit that a device has pushed is the one that is appended under its id', async () => {
    const log = open()
    await push([commitOf('p1', 'a')])
    expect(unwrap(await log.append([placed('a')], { commitId: 'p1' })).events).toMatchObject([{ id: 'p1.c.0' }])
    unwrap(await log.append([placed('b')], { commitId: 'p2' }))
    const { position, digest } = await store().head('office')
    expect(position).toBe(2)
    expect(
      await push([commitOf('p2', 'b')], { position: 1, digest: await store().digestAt('office', 1) }),
    ).toMatchObject({
      verdicts: [{ verdict: 'duplicate' }],
    })
    expect((await store().head('office')).digest).toBe(digest)
  })
  test('a store without room refuses the append, and one that is not to be reached rejects it', async () => {
    let failure: 'full' | 'unavailable' | undefined = 'full'
    const failing: LogStore = {
      ...store(),
      append: async (...args) => {
        if (failure !== undefined) throw new StoreError('disk', failure, 'it can not be written')
        return store().append(...args)
      },
    }
    const log = openServerLog(office, { store: failing })
    closing.unshift(log.close)
    expect(await log.append([placed('a')], { commitId: 'a' })).toMatchObject({
      ok: false,
      reason: { type: 'StorageFull', message: 'it can not be written' },
    })
    expect(log.storage.get().state).toBe('full')
    failure = 'unavailable'
    await expect(log.append([placed('a')], { commitId: 'a' })).rejects.toMatchObject({ failure: 'unavailable' })
    failure = undefined
    unwrap(await log.append([placed('a')], { commitId: 'a' }))
    expect((await log.logHead()).confirmed).toBe(1)
  })
  test('many appends of one moment are few writes, and each has its own outcome', async () => {
    let writes = 0
    const counting: LogStore = {
      ...store(),
      append: (...args) => {
        writes++
        return store().append(...args)
      },
    }
    const log = openServerLog(office, { store: counting })
    closing.unshift(log.close)
    await log.ready
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, nth) => log.append([placed(`${nth % 10}`)], { commitId: `c${nth % 90}` })),
    )
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(100)
    expect((await log.logHead()).confirmed).toBe(90)
    expect(writes).toBeLessThan(15)
  })
})
