// What may happen to a cart. Pure: a cart goes in, facts or a refusal come out.

import type { Fact } from 'tidelog'
import type { Cart, ShopMap } from './shop.ts'
import { events } from './shop.ts'

export const cartItemsMax = 3

/** A business "no", as a value. */
export type Refusal =
  | { readonly type: 'CartFull'; readonly max: number }
  | { readonly type: 'CartCannotBeAltered' }
  | { readonly type: 'CartDoesNotExist' }
  | { readonly type: 'ItemNotInCart' }
  | { readonly type: 'CartIsEmpty' }
export type Decision = readonly Fact<ShopMap>[] | Refusal

/** What a decision is made from, and which later events would make it worth deciding again. */
export interface Rule {
  readonly cartId: string
  readonly overtakenBy: readonly (keyof ShopMap)[]
  readonly decide: (cart: Cart | undefined) => Decision
}

const open = (cart: Cart | undefined, decide: (cart: Cart) => Decision): Decision => {
  if (cart === undefined) return { type: 'CartDoesNotExist' }
  return cart.submitted === undefined ? decide(cart) : { type: 'CartCannotBeAltered' }
}

export interface AddItem {
  readonly cartId: string
  readonly itemId: string
  readonly productId: string
  readonly price: number
  readonly fingerprint: string
}
export const addItem = (item: AddItem): Rule => ({
  cartId: item.cartId,
  overtakenBy: ['CartCreated', 'ItemAdded', 'CartSubmitted'],
  decide: (cart) => {
    if (cart === undefined) return [events.CartCreated({ cartId: item.cartId }), events.ItemAdded({ ...item })]
    return open(cart, ({ items }) => {
      if (items.some(({ itemId }) => itemId === item.itemId)) return []
      return items.length < cartItemsMax ? [events.ItemAdded({ ...item })] : { type: 'CartFull', max: cartItemsMax }
    })
  },
})

export const removeItem = (item: { readonly cartId: string; readonly itemId: string }): Rule => ({
  cartId: item.cartId,
  overtakenBy: ['ItemRemoved', 'CartCleared', 'CartSubmitted'],
  decide: (cart) =>
    open(cart, ({ items }) =>
      items.some(({ itemId }) => itemId === item.itemId)
        ? [events.ItemRemoved({ cartId: item.cartId, itemId: item.itemId })]
        : { type: 'ItemNotInCart' },
    ),
})

export const clearCart = ({ cartId }: { readonly cartId: string }): Rule => ({
  cartId,
  overtakenBy: ['CartCleared', 'CartSubmitted'],
  decide: (cart) =>
    open(cart, ({ items }) => (items.length > 0 ? [events.CartCleared({ cartId })] : { type: 'CartIsEmpty' })),
})

export const submitCart = ({ cartId }: { readonly cartId: string }): Rule => ({
  cartId,
  overtakenBy: ['ItemAdded', 'ItemRemoved', 'CartCleared', 'CartSubmitted'],
  decide: (cart) =>
    open(cart, ({ items }) => {
      if (items.length === 0) return { type: 'CartIsEmpty' }
      const products = items.map(({ productId, price }) => ({ productId, price }))
      return [events.CartSubmitted({ cartId, products, total: items.reduce((sum, { price }) => sum + price, 0) })]
    }),
})
