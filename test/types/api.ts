// Compiled by `npm run check` with the newest and the oldest supported TypeScript; every expected error must be one.

import { defineEvents, defineLog, defineProjection, event, openLog, type } from 'tidelog'
import { z } from 'zod'
import { type Cart, cart, define, events, type Item, shop } from './shop.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

// Creators take the schema's input and give its output.
const fact = events.ItemAdded({ cartId: 'c', itemId: 'i', productId: 'p', price: 1 })
same<Equal<typeof fact.data.fingerprint, string>>()
// @ts-expect-error price is missing
events.ItemAdded({ cartId: 'c', itemId: 'i', productId: 'p' })
// @ts-expect-error no such event
events.ItemAded

// Definitions.
// @ts-expect-error a Date is not JSON
event(type<{ at: Date }>())
// @ts-expect-error a zod date is not JSON
event(z.object({ at: z.date() }))
// @ts-expect-error not a field
event(type<{ cartId: string }>(), { tags: ['cardId'] })
// @ts-expect-error an object can't be a tag
event(type<{ cart: { id: string } }>(), { tags: ['cart'] })
// @ts-expect-error no such field for the stream's name
event(type<{ cartId: string }>(), { stream: (data) => data.cardId })

// Projections.
defineProjection(events, { name: 'count', version: 1, initial: 0, on: { ItemAdded: (n) => n + 1 } })
defineProjection(events, {
  name: 'list',
  version: 1,
  initial: [] as Item[],
  on: { ItemAdded: (s, e) => [...s, { id: e.data.itemId, price: 1, pending: false }] },
})
// @ts-expect-error unknown event name in `on`
defineProjection(events, { name: 'x', version: 1, initial: 0, on: { ItemAded: (n: number) => n } })
// @ts-expect-error wrong state
defineProjection(events, { name: 'x', version: 1, initial: 0, on: { ItemAdded: () => 'no' } })
interface Status {
  status: 'open' | 'closed'
}
define.projection<Status>({
  name: 'literal',
  version: 1,
  initial: { status: 'open' },
  on: {
    CartSubmitted: () => ({ status: 'closed' }),
    ItemAdded: (s, e) => ({ ...s, status: e.data.price ? 'open' : 'closed' }),
  },
})

// Appends.
const log = openLog(shop, { principal: 'ann' })
const plain = await log.append('cart-7', [events.CartCreated({ cartId: '7' }), events.CartCleared({ cartId: '7' })])
type Refused =
  | 'Invalid'
  | 'TooLarge'
  | 'StreamClosed'
  | 'StorageFull'
  | 'StorageUnavailable'
  | 'IdTaken'
  | 'UpdateNeeded'
if (!plain.ok) same<Equal<typeof plain.reason.type, Refused>>()
const versioned = await log.append([events.CartCreated({ cartId: '7' })], { expectedVersion: 0 })
if (!versioned.ok) same<Equal<typeof versioned.reason.type, Refused | 'VersionConflict'>>()
const { head } = await log.read({ query: { types: ['ItemAdded'], tags: { productId: 'p' } } }).all()
const dcb = await log.append('cart-7', [events.CartCreated({ cartId: '7' })], {
  failIfEventsMatch: { tags: { cartId: '7' } },
  after: head,
})
if (!dcb.ok && dcb.reason.type === 'ConditionConflict')
  for (const e of dcb.reason.events) if (e.type === 'ItemAdded') e.data.price.toFixed()
await log.append([
  { stream: 'a', events: [events.CartCleared({ cartId: '1' })], expectedVersion: 3 },
  { stream: 'b', events: [events.CartCleared({ cartId: '2' })] },
])
// @ts-expect-error two kinds of condition at once
await log.append('x', [], { expectedVersion: 1, failIfEventsMatch: {} })
// @ts-expect-error `after` without a condition
await log.append('x', [], { after: head })
// @ts-expect-error not an event of this log
await log.append('x', [{ type: 'Other', data: {} }])
// @ts-expect-error wrong data
await log.append('x', [{ type: 'CartCleared', data: { nope: 1 } }])
// @ts-expect-error a typo next to a valid option
await log.append('x', [], { expectVersion: 0, durability: 'strict' })

// Reads.
for await (const e of log.read({ stream: 'cart-7' })) {
  switch (e.type) {
    case 'ItemAdded':
      e.data.fingerprint.at(0)
      break
    case 'CartSubmitted':
      e.data.total.toFixed()
      break
    case 'CartCreated':
    case 'ItemRemoved':
    case 'CartCleared':
      break
    default:
      e satisfies never
  }
}
for await (const e of log.read({ query: { types: ['ItemAdded', 'ItemRemoved'] } })) {
  same<Equal<typeof e.type, 'ItemAdded' | 'ItemRemoved'>>()
  if (e.type === 'ItemAdded') e.data.price.toFixed()
}
const mixed = log.read({ query: [{ types: ['ItemAdded'] }, { types: ['CartCleared'], tags: { cartId: 1 } }] })
for await (const e of mixed) same<Equal<typeof e.type, 'ItemAdded' | 'CartCleared'>>()
for await (const e of log.read({ unknown: 'yield' }))
  if (e.type === '$unknown') e.originalType.at(0)
  else if (e.type === 'ItemAdded') e.data.price.toFixed()
// @ts-expect-error no such type
log.read({ query: { types: ['ItemAded'] } })
// @ts-expect-error a typo next to a valid tag
log.read({ query: { tags: { cartId: 'c', cardId: 'x' } } })
// @ts-expect-error a typo next to valid types
log.read({ query: [{ types: ['ItemAdded'], tagz: { cartId: 'c' } }] })
const untagged = openLog(defineLog({ name: 'b', events: defineEvents({ A: event(type<{ id: string }>()) }) }))
// @ts-expect-error nothing is tagged
untagged.read({ query: { tags: { id: '1' } } })

// Views.
const view = log.view(cart, { cartId: '7' })
same<Equal<ReturnType<typeof view.get>, Cart | undefined>>()
if (plain.ok) await view.waitFor(plain.receipt)
// @ts-expect-error the scope's parameters are missing
log.view(cart)
// @ts-expect-error a wrong parameter
log.view(cart, { cardId: '7' })
const count = log.view(defineProjection(events, { name: 'count', version: 1, initial: 0, on: {} }))
same<Equal<ReturnType<typeof count.get>, number>>()

// Ends.
if (plain.ok) {
  const end = await log.whenConfirmed(plain.receipt)
  same<Equal<typeof end.status, 'confirmed' | 'withdrawn' | 'rejected' | 'conflict'>>()
}
