// What happens in the shop, and what a cart is after it. No side effects here.

import type { Events, Recorded } from 'tidelog'
import { defineEvents, defineFor, event } from 'tidelog'
import * as v from 'valibot'

const CartCreated = v.object({ cartId: v.string() })
const ItemAddedV1 = v.object({ cartId: v.string(), itemId: v.string(), productId: v.string(), price: v.number() })
const ItemAdded = v.object({ ...ItemAddedV1.entries, fingerprint: v.string() })
const ItemRemoved = v.object({ cartId: v.string(), itemId: v.string() })
const CartCleared = v.object({ cartId: v.string() })
const CartSubmitted = v.object({
  cartId: v.string(),
  products: v.array(v.object({ productId: v.string(), price: v.number() })),
  total: v.number(),
})

const stream = (data: { readonly cartId: string }) => `cart-${data.cartId}`

export const events = defineEvents({
  CartCreated: event(CartCreated, { stream, tags: ['cartId'] }),
  ItemAdded: event(ItemAdded, {
    stream,
    tags: ['cartId', 'productId'],
    version: 2,
    upcast: { 1: (old: v.InferOutput<typeof ItemAddedV1>) => ({ ...old, fingerprint: 'default-fingerprint' }) },
  }),
  ItemRemoved: event(ItemRemoved, { stream, tags: ['cartId'] }),
  CartCleared: event(CartCleared, { stream, tags: ['cartId'] }),
  CartSubmitted: event(CartSubmitted, { stream, tags: ['cartId'] }),
})

export type ShopMap = typeof events extends Events<infer M> ? M : never
export type ShopEvent = Recorded<ShopMap>

export interface CartItem {
  readonly itemId: string
  readonly productId: string
  /** In cents, as it was when the item was added. */
  readonly price: number
  readonly pending: boolean
  /** What added it: while it is pending, it can be taken back by this. */
  readonly commitId: string
}
export interface Cart {
  readonly items: readonly CartItem[]
  readonly submitted: { readonly total: number; readonly pending: boolean; readonly commitId: string } | undefined
}

export const totalOf = (items: readonly Pick<CartItem, 'price'>[]): number =>
  items.reduce((sum, { price }) => sum + price, 0)

const emptyCart: Cart = { items: [], submitted: undefined }

/** The one fold of a cart: the view on the screen and the rules see the same state. A cart nobody created is undefined. */
export function evolve(before: Cart | undefined, event: ShopEvent): Cart | undefined {
  const { commitId } = event
  const pending = event.position === undefined
  // Whoever takes back the wish that created the cart leaves what came after it: that is decided again, and shown till then.
  const cart = before ?? emptyCart
  switch (event.type) {
    case 'CartCreated':
      return cart
    case 'ItemAdded': {
      const { itemId, productId, price } = event.data
      return { ...cart, items: [...cart.items, { itemId, productId, price, pending, commitId }] }
    }
    case 'ItemRemoved':
      return { ...cart, items: cart.items.filter((item) => item.itemId !== event.data.itemId) }
    case 'CartCleared':
      return { ...cart, items: [] }
    case 'CartSubmitted':
      return { ...cart, submitted: { total: event.data.total, pending, commitId } }
  }
}

export const define = defineFor(events)

export const cart = define.projection<Cart | undefined, { readonly cartId: string }>({
  name: 'cart',
  version: 2,
  initial: undefined,
  scope: ({ cartId }) => ({ query: { tags: { cartId } } }),
  on: {
    CartCreated: evolve,
    ItemAdded: evolve,
    ItemRemoved: evolve,
    CartCleared: evolve,
    CartSubmitted: evolve,
  },
})

/** Changes with every event of every cart, also when a pending one is confirmed: the sign to read the log again. */
export const pulse = define.projection<{ readonly events: number }>({
  name: 'pulse',
  version: 1,
  initial: { events: 0 },
  on: {
    CartCreated: ({ events }) => ({ events: events + 1 }),
    ItemAdded: ({ events }) => ({ events: events + 1 }),
    ItemRemoved: ({ events }) => ({ events: events + 1 }),
    CartCleared: ({ events }) => ({ events: events + 1 }),
    CartSubmitted: ({ events }) => ({ events: events + 1 }),
  },
})
