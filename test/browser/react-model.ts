// The model of the tests with React, for pages and workers.

import { defineEvents, defineFor, defineLog, event, refuse, type } from 'tidelog'
import { z } from 'zod'

/** What the schema of an item says no to: a server may know more than this device does. */
export const forbidden = new Set<string>()

const Item = z.object({ cartId: z.string(), item: z.string().refine((item) => !forbidden.has(item)) })
export const events = defineEvents({
  ItemAdded: event(Item, { stream: ({ cartId }) => `cart-${cartId}`, tags: ['cartId'] }),
  CartBroken: event(type<{ cartId: string }>(), { stream: ({ cartId }) => `cart-${cartId}`, tags: ['cartId'] }),
})

const define = defineFor(events)

/** Whether folding a `CartBroken` throws. */
export const fold = { throws: true }

/** The items of a cart, in log order. */
export const cart = define.projection<readonly string[], { cartId: string }>({
  name: 'cart',
  version: 1,
  initial: [],
  scope: ({ cartId }) => ({ query: { tags: { cartId } } }),
  on: {
    ItemAdded: (items, { data }) => [...items, data.item],
    CartBroken: (items) => {
      if (fold.throws) throw new Error('a broken cart')
      return items
    },
  },
})
export const count = define.projection<number>({
  name: 'count',
  version: 1,
  initial: 0,
  on: { ItemAdded: (items) => items + 1 },
})

export const max = 3
export const addItem = define.decider({
  name: 'add-item',
  command: type<{ cartId: string; item: string }>(),
  scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
  state: cart,
  decide: ({ cartId, item }, items) => {
    if (items.includes(item)) return []
    return items.length < max ? [events.ItemAdded({ cartId, item })] : refuse('CartFull', { max })
  },
})
export const removeNothing = define.decider({
  name: 'remove-nothing',
  command: type<{ cartId: string }>(),
  scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
  state: cart,
  decide: () => refuse('NothingRemoved'),
})
/** Not one of the log's. */
export const stranger = define.decider({
  name: 'stranger',
  command: type<{ cartId: string }>(),
  scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
  state: cart,
  decide: () => [],
})

export const carts = defineLog({ name: 'carts', events, deciders: [addItem, removeNothing] })
