// Consistency without aggregates, through the public entries.

import { unwrap } from 'tidelog'
import { afterEach, expect, test } from 'vitest'
import { added, created, devicesOf, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

let world: ShopWorld
afterEach(() => world.close())
const openLog = (): ShopLog => {
  world = shopWorld({ devices: 1 })
  return devicesOf(world, 1)[0]!.log
}
const onlyOne = { failIfEventsMatch: { types: ['CartCreated'], tags: { cartId: 'c' } } } as const

test('DCB-1 a query is every event, or items joined by OR, whose types are alternatives and whose tags all have to be there', async () => {
  const log = openLog()
  unwrap(
    await log.append([created('a'), added('a', '1', 'p'), added('a', '2', 'q'), created('b'), added('b', '3', 'p')]),
  )
  type Query = NonNullable<Parameters<ShopLog['read']>[0]>['query']
  const found = async (query: Query) =>
    (await log.read({ query: query as object }).all()).events.map(({ type, stream }) => `${type} ${stream}`)
  const all = ['CartCreated cart-a', 'ItemAdded cart-a', 'ItemAdded cart-a', 'CartCreated cart-b', 'ItemAdded cart-b']
  const wanted: readonly (readonly [object, readonly number[]])[] = [
    [{}, [0, 1, 2, 3, 4]],
    [{ types: ['CartCreated'] }, [0, 3]],
    [{ types: ['CartCreated', 'ItemAdded'] }, [0, 1, 2, 3, 4]],
    [{ tags: { cartId: 'a' } }, [0, 1, 2]],
    [{ tags: { cartId: 'a', productId: 'p' } }, [1]],
    [{ types: ['ItemAdded'], tags: { productId: 'p' } }, [1, 4]],
    [{ types: ['CartSubmitted'] }, []],
    [
      [{ types: ['CartCreated'], tags: { cartId: 'b' } }, { tags: { productId: 'q' } }],
      [2, 3],
    ],
    [
      [{ tags: { cartId: 'a' } }, { types: ['ItemAdded'] }],
      [0, 1, 2, 4],
    ],
  ]
  for (const settled of [false, true]) {
    if (settled) await world.settle()
    for (const [query, places] of wanted) expect(await found(query)).toEqual(places.map((at) => all[at]))
  }
  for (const query of [[], { types: [] }, { type: 'CartCreated' }, 'all'])
    await expect(found(query as never)).rejects.toMatchObject({ code: 'tidelog/argument' })
})

test('DCB-2 an append is refused when an event after the marker matches, and without a marker by any, atomically over all tabs', async () => {
  const log = openLog()
  const [device] = devicesOf(world, 1)
  const query = { tags: { cartId: 'c' } } as const
  const { head: before } = await log.read({ query }).all()
  unwrap(await log.append([created('c')], { failIfEventsMatch: query }))
  const { head: after } = await log.read({ query }).all()
  const refused = async (marker?: typeof before) => {
    const options = { failIfEventsMatch: query, ...(marker === undefined ? {} : { after: marker }) }
    const outcome = await log.append([added('d', 'i')], options)
    return outcome.ok ? 'kept' : outcome.reason.type
  }
  expect([await refused(), await refused(before), await refused(after)]).toEqual([
    'ConditionConflict',
    'ConditionConflict',
    'kept',
  ])
  // What was written under the marker did not match, so the marker still holds; confirming changes nothing either.
  await world.settle()
  expect(await refused(after)).toBe('kept')
  const tabs = [log, device!.openTab(), device!.openTab(), device!.openTab()]
  for (let round = 0; round < 5; round++) {
    const { head } = await log.read({ query }).all()
    const outcomes = await Promise.all(
      tabs.map((tab, nth) => tab.append([added('c', `${round}.${nth}`)], { failIfEventsMatch: query, after: head })),
    )
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  }
})

test('DCB-3 a read by query answers the head it saw, also when empty, ready to be the marker of a condition', async () => {
  const log = openLog()
  const query = { types: ['CartCreated'] } as const
  const empty = await log.read({ query }).all()
  expect(empty.events).toEqual([])
  expect(await log.read({ query }).head).toEqual(empty.head)
  unwrap(await log.append([created('c')], { failIfEventsMatch: query, after: empty.head }))
  expect((await log.append([created('d')], { failIfEventsMatch: query, after: empty.head })).ok).toBe(false)
  const now = await log.read({ query }).all()
  unwrap(await log.append([created('d')], { failIfEventsMatch: query, after: now.head }))
})

test('DCB-4 of eight racing writers on one boundary, over several tabs, exactly one wins', async () => {
  const log = openLog()
  const [device] = devicesOf(world, 1)
  const tabs = [log, ...Array.from({ length: 7 }, () => device!.openTab())]
  await Promise.all(tabs.map((tab) => tab.ready))
  const outcomes = await Promise.all(tabs.map((tab) => tab.append([created('c')], onlyOne)))
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  for (const outcome of outcomes) if (!outcome.ok) expect(outcome.reason.type).toBe('ConditionConflict')
  await world.settle()
  for (const tab of tabs) expect(await readAll(tab)).toHaveLength(1)
})

test('DCB-5 the server enforces the same condition again when the commit is pushed', async () => {
  world = shopWorld({ devices: 2 })
  const [a, b] = devicesOf(world, 2)
  a!.offline()
  b!.offline()
  unwrap(await a!.log.append([created('c')], onlyOne))
  const second = unwrap(await b!.log.append([created('c'), added('c', 'i')], onlyOne))
  const beside = unwrap(
    await b!.log.append([created('d')], { failIfEventsMatch: { types: ['CartCreated'], tags: { cartId: 'd' } } }),
  )
  a!.online()
  await world.settle()
  b!.online()
  await world.settle()
  expect(await b!.log.whenConfirmed(second.receipt)).toMatchObject({ status: 'conflict' })
  expect(await b!.log.whenConfirmed(beside.receipt)).toEqual({ status: 'confirmed', position: 2 })
  for (const { log } of world.devices)
    expect((await readAll(log)).map(({ stream }) => stream)).toEqual(['cart-c', 'cart-d'])
})

test('DCB-7 a conflict carries the events that caused it: pending, confirmed, and from another device', async () => {
  world = shopWorld({ devices: 2 })
  const [a, b] = devicesOf(world, 2)
  b!.offline()
  unwrap(await a!.log.append([created('c'), added('c', 'i')]))
  const causes = async (log: ShopLog) => {
    const outcome = await log.append([created('c')], onlyOne)
    if (outcome.ok || outcome.reason.type !== 'ConditionConflict') throw new Error('a conflict is wanted')
    return outcome.reason.events.map(({ type, stream, position }) => ({ type, stream, position }))
  }
  expect(await causes(a!.log)).toEqual([{ type: 'CartCreated', stream: 'cart-c', position: undefined }])
  await world.settle()
  expect(await causes(a!.log)).toEqual([{ type: 'CartCreated', stream: 'cart-c', position: 1 }])
  const late = unwrap(await b!.log.append([created('c')], onlyOne))
  b!.online()
  await world.settle()
  const cause = { type: 'CartCreated', stream: 'cart-c', position: 1 }
  expect(await b!.log.whenConfirmed(late.receipt)).toMatchObject({ status: 'conflict', events: [cause] })
  const [letter] = await b!.log.deadLetters.list()
  expect(letter).toMatchObject({ commitId: late.receipt.commitId, reason: { type: 'Conflict', events: [cause] } })
})
