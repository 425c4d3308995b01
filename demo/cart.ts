// What a cart is after what happened to it. No side effects here.

import type { Recorded } from 'tidelog'
import { define, type ShopMap } from './events.ts'

export interface CartItem {
  readonly itemId: string
  readonly productId: string
  /** In cents, as it was when the item was added. */
  readonly price: number
  readonly pending: boolean
  /** What added it: while it is pending, it can be taken back by this. */
  readonly commitId: string
}
/** How an order fares at the harbour office. */
export type Publication = { readonly state: 'published' } | { readonly state: 'failed'; readonly problem: string }
export interface Cart {
  readonly items: readonly CartItem[]
  /** Products that the shop took out, since their prices changed. */
  readonly archived: readonly string[]
  readonly submitted: { readonly total: number; readonly pending: boolean; readonly commitId: string } | undefined
  readonly publication?: Publication
}

export const totalOf = (items: readonly Pick<CartItem, 'price'>[]): number =>
  items.reduce((sum, { price }) => sum + price, 0)

const emptyCart: Cart = { items: [], archived: [], submitted: undefined }

type CartEvent = Exclude<Recorded<ShopMap>, { readonly type: 'InventoryChanged' | 'PriceChanged' }>

/** The one fold of a cart: the view on the screen and the rules see the same state. A cart nobody created is undefined. */
export function evolve(before: Cart | undefined, event: CartEvent): Cart | undefined {
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
      return { ...cart, items: without(cart.items, event.data.itemId) }
    case 'ItemArchived': {
      const { itemId, productId } = event.data
      return { ...cart, items: without(cart.items, itemId), archived: [...cart.archived, productId] }
    }
    case 'CartCleared':
      return { ...cart, items: [], archived: [] }
    case 'CartSubmitted':
      return { ...cart, submitted: { total: event.data.total, pending, commitId } }
    case 'CartPublished':
      return { ...cart, publication: { state: 'published' } }
    case 'CartPublicationFailed':
      return { ...cart, publication: { state: 'failed', problem: event.data.problem } }
  }
}

const without = (items: readonly CartItem[], itemId: string): readonly CartItem[] =>
  items.filter((item) => item.itemId !== itemId)

export const cart = define.projection<Cart | undefined, { readonly cartId: string }>({
  name: 'cart',
  version: 3,
  initial: undefined,
  scope: ({ cartId }) => ({ query: { tags: { cartId } } }),
  on: {
    CartCreated: evolve,
    ItemAdded: evolve,
    ItemRemoved: evolve,
    CartCleared: evolve,
    ItemArchived: evolve,
    CartSubmitted: evolve,
    CartPublished: evolve,
    CartPublicationFailed: evolve,
  },
})
