// What may happen to a cart. Pure: a wish and a cart go in, facts or a refusal come out. So each of them can be asked again
// when other devices were faster.

import type { DecisionScope } from 'tidelog'
import { refuse } from 'tidelog'
import * as v from 'valibot'
import { type Cart, cart, define, events, type ShopMap, totalOf } from './cart.ts'

export const cartItemsMax = 3

const InCart = v.object({ cartId: v.string() })
const OneItem = v.object({ ...InCart.entries, itemId: v.string() })
const AddItem = v.object({ ...OneItem.entries, productId: v.string(), price: v.number(), fingerprint: v.string() })
const SubmitCart = v.object({ ...InCart.entries, total: v.number() })

/** Every rule looks at its whole cart, and at no other. */
const scope = ({ cartId }: v.InferOutput<typeof InCart>): DecisionScope<ShopMap> => ({ query: { tags: { cartId } } })

const inOpenCart = <D>(state: Cart | undefined, decide: (open: Cart) => D) => {
  if (state === undefined) return refuse('CartDoesNotExist')
  return state.submitted ? refuse('CartCannotBeAltered') : decide(state)
}

export const decideAdd = (item: v.InferOutput<typeof AddItem>, state: Cart | undefined) => {
  const { cartId, itemId } = item
  if (state === undefined) return [events.CartCreated({ cartId }), events.ItemAdded(item)]
  return inOpenCart(state, ({ items }) => {
    if (items.some((present) => present.itemId === itemId)) return []
    return items.length < cartItemsMax ? [events.ItemAdded(item)] : refuse('CartFull', { max: cartItemsMax })
  })
}

export const decideRemove = ({ cartId, itemId }: v.InferOutput<typeof OneItem>, state: Cart | undefined) =>
  inOpenCart(state, ({ items }) =>
    items.some((present) => present.itemId === itemId)
      ? [events.ItemRemoved({ cartId, itemId })]
      : refuse('ItemNotInCart'),
  )

export const decideClear = ({ cartId }: v.InferOutput<typeof InCart>, state: Cart | undefined) =>
  inOpenCart(state, ({ items }) => (items.length > 0 ? [events.CartCleared({ cartId })] : refuse('CartIsEmpty')))

/** Nobody pays another total than the one on the screen when the order was placed. */
export const decideSubmit = ({ cartId, total }: v.InferOutput<typeof SubmitCart>, state: Cart | undefined) =>
  inOpenCart(state, ({ items }) => {
    if (items.length === 0) return refuse('CartIsEmpty')
    const now = totalOf(items)
    if (now !== total) return refuse('TotalChanged', { total: now })
    const products = items.map(({ productId, price }) => ({ productId, price }))
    return [events.CartSubmitted({ cartId, products, total })]
  })

export const addItem = define.decider({ name: 'add-item', command: AddItem, scope, state: cart, decide: decideAdd })
export const removeItem = define.decider({
  name: 'remove-item',
  command: OneItem,
  scope,
  state: cart,
  decide: decideRemove,
})
export const clearCart = define.decider({
  name: 'clear-cart',
  command: InCart,
  scope,
  state: cart,
  decide: decideClear,
})
export const submitCart = define.decider({
  name: 'submit-cart',
  command: SubmitCart,
  scope,
  state: cart,
  decide: decideSubmit,
})
