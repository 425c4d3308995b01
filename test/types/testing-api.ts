// Compiled by `npm run check` with the newest and the oldest supported TypeScript; every expected error must be one.

import { defineReactor, defineTask } from 'tidelog/automation'
import { storeContract as serverContract } from 'tidelog/server/testing'
import { given, memoryLog, past, storeContract, VirtualClock } from 'tidelog/testing'
import { addItem, clearCart, removeItem, ruledShop, submitCart } from './deciders.ts'
import { cart, define, events } from './shop.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

const cartId = '7'
const item = { cartId, itemId: '1', productId: 'p', price: 1 }
const created = events.CartCreated({ cartId })

// Deciders.
const added = given(addItem, [created]).when(item)
added.then([events.ItemAdded(item)])
added.then([created, events.ItemAdded(item)])
added.then([{ stream: 'cart-7', events: [events.ItemAdded(item)] }])
added.thenRefused('CartFull')
added.thenRefused('CartFull', { max: 3 })
added.thenRefused('CartCannotBeAltered')
added.when(item).thenNothing()
added.thenInvalid('price')
added.thenUpdateNeeded('CartFrozen')
same<Equal<Parameters<typeof added.when>[0], { cartId: string; itemId: string; productId: string; price: number }>>()
same<Equal<Parameters<typeof added.thenRefused>[0], 'CartFull' | 'CartCannotBeAltered'>>()
// @ts-expect-error no refusal of this decider
added.thenRefused('CartIsEmpty')
// @ts-expect-error other data than it refuses with
added.thenRefused('CartFull', { maximum: 3 })
// @ts-expect-error a refusal without data
added.thenRefused('CartCannotBeAltered', { max: 3 })
// @ts-expect-error a fact that this decider never decides
added.then([events.CartCleared({ cartId })])
// @ts-expect-error wrong data
added.then([{ type: 'ItemAdded', data: { cartId } }])
// @ts-expect-error a wrong command
given(addItem, []).when({ cartId })
// @ts-expect-error nothing is expected before a command
given(addItem, []).then([])
// @ts-expect-error not an event of this log
given(addItem, [{ type: 'Nope', data: {} }])
// @ts-expect-error a misspelt option
given(addItem, [{ events: [created], pendin: true }])
// @ts-expect-error it is no promise
await added
given(removeItem, [created, past('ItemAdded', { any: 'thing' }, { version: 1 })])
  .when({ cartId, itemId: '1' })
  .thenRefused('ItemNotInCart', { itemId: '1' })
given(clearCart, []).when({ cartId }).thenRefused('CartDoesNotExist')
given(submitCart, []).when({ cartId }).thenRefused('CartIsEmpty')
given(submitCart, [{ events: [created], stream: 'elsewhere', pending: true, time: '', metadata: { actor: 'ann' } }])

// Projections.
given(cart, [created], { cartId }).then({ items: [], submitted: false })
given(cart, [], { cartId }).then(undefined)
// @ts-expect-error another state
given(cart, [], { cartId }).then({ items: [] })
// @ts-expect-error the scope's parameters are missing
given(cart, [])
// @ts-expect-error a wrong parameter
given(cart, [], { cardId: '7' })

// Automations.
const reactor = defineReactor(events, { name: 'r', on: 'origin', react: () => [created] })
const reacted = given(reactor, [created]).when(created)
await reacted.then([created])
await reacted.thenNothing()
await reacted.thenExecutes(addItem, item)
await reacted.thenExecutesAll([
  [addItem, item],
  [clearCart, { cartId }],
])
given(reactor, []).when(past('Nope', 1, { stream: 'x' }))
// @ts-expect-error a wrong command
await reacted.thenExecutes(addItem, { cartId })
// @ts-expect-error a command of another decider
await reacted.thenExecutesAll([[addItem, { cartId }]])
// @ts-expect-error it is no promise
await reacted
const task = defineTask(events, { name: 't', on: 'origin', plan: () => ({ input: 1 }), run: () => undefined })
given(task).plans(created).thenPlanned({ input: 1, afterMs: 5 })
given(task, [created]).plans(created).thenNothing()

// Logs and stores.
const log = memoryLog(ruledShop, { clock: new VirtualClock() })
await log.execute(addItem, item)
// @ts-expect-error a misspelt option
memoryLog(ruledShop, { clok: new VirtualClock() })
for (const { rule, check } of storeContract) same<Equal<typeof rule, string>>(void check)
for (const { durable } of serverContract) same<Equal<typeof durable, boolean | undefined>>()

// Read models.
const stock = define.readModel<{ count: number }>({
  name: 'stock',
  version: 1,
  ids: () => 'all',
  on: { ItemAdded: (row) => ({ count: (row?.count ?? 0) + 1 }) },
})
given(stock, [created]).thenRow('all', { count: 1 })
given(stock, [created]).thenRow('all', undefined)
given(stock, [created]).then({ all: { count: 1 } })
// @ts-expect-error another row
given(stock, [created]).thenRow('all', { counts: 1 })
