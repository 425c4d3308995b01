// The rules of the shop that the type tests and the behaviour tests share.
import { type as ark } from 'arktype'
import { defineDecider, defineLog, refuse, type } from 'tidelog'
import * as v from 'valibot'
import { z } from 'zod'
import { cart, define, events } from './shop.ts'

const streamOf = ({ cartId }: { readonly cartId: string }) => ({ stream: `cart-${cartId}` })

export const addItem = defineDecider(events, {
  name: 'add-item',
  command: z.object({ cartId: z.string(), itemId: z.string(), productId: z.string(), price: z.number() }),
  scope: streamOf,
  initial: { exists: false, items: 0, submitted: false },
  evolve: {
    CartCreated: (state) => ({ ...state, exists: true }),
    ItemAdded: (state) => ({ ...state, items: state.items + 1 }),
    ItemRemoved: (state) => ({ ...state, items: state.items - 1 }),
    CartCleared: (state) => ({ ...state, items: 0 }),
    CartSubmitted: (state) => ({ ...state, submitted: true }),
  },
  decide: (command, state) => {
    if (state.submitted) return refuse('CartCannotBeAltered')
    if (state.items >= 3) return refuse('CartFull', { max: 3 })
    const added = events.ItemAdded(command)
    return state.exists ? [added] : [events.CartCreated({ cartId: command.cartId }), added]
  },
})

export const removeItem = define.decider({
  name: 'remove-item',
  command: v.object({ cartId: v.string(), itemId: v.string() }),
  scope: ({ cartId }) => ({ query: { tags: { cartId } }, stream: `cart-${cartId}` }),
  state: cart,
  decide: ({ cartId, itemId }, state) => {
    if (state === undefined) return refuse('CartDoesNotExist')
    if (state.submitted) return refuse('CartCannotBeAltered')
    if (!state.items.some(({ id }) => id === itemId)) return refuse('ItemNotInCart', { itemId })
    return [events.ItemRemoved({ cartId, itemId })]
  },
})

export const clearCart = define.decider({
  name: 'clear-cart',
  command: ark({ cartId: 'string' }),
  scope: streamOf,
  state: cart,
  decide: ({ cartId }, state) => {
    if (state === undefined) return refuse('CartDoesNotExist')
    return state.items.length === 0 ? [] : [events.CartCleared({ cartId })]
  },
})

export const submitCart = define.decider({
  name: 'submit-cart',
  command: type<{ cartId: string }>(),
  scope: ({ cartId }) => ({ query: [{ tags: { cartId } }] }),
  initial: { total: 0, submitted: false },
  evolve: {
    ItemAdded: (state, event) => ({ ...state, total: state.total + event.data.price }),
    CartCleared: (state) => ({ ...state, total: 0 }),
    CartSubmitted: (state) => ({ ...state, submitted: true }),
  },
  decide: ({ cartId }, { total, submitted }) => {
    if (submitted) return []
    return total === 0 ? refuse('CartIsEmpty') : [events.CartSubmitted({ cartId, products: [], total })]
  },
})

export const cartRules = [addItem, removeItem, clearCart, submitCart] as const
export const ruledShop = defineLog({ name: 'shop', events, deciders: [addItem, removeItem, clearCart, submitCart] })
