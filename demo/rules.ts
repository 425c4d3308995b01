// What may happen to a cart. Pure: a wish and a cart go in, facts or a refusal come out. So each of them can be asked again
// when other devices were faster.

import type { DecisionScope } from 'tidelog'
import { refuse } from 'tidelog'
import * as v from 'valibot'
import { type Cart, cart, totalOf } from './cart.ts'
import { define, events, type ShopMap } from './events.ts'
import { type Goods, goodOf } from './goods.ts'
import { products } from './products.ts'
import { type Sale, sale } from './sale.ts'

export const cartItemsMax = 3

const InCart = v.object({ cartId: v.string() })
const OneItem = v.object({ ...InCart.entries, itemId: v.string() })
const AddItem = v.object({ ...OneItem.entries, productId: v.string(), price: v.number(), fingerprint: v.string() })
const SubmitCartV1 = v.object({ ...InCart.entries, total: v.number() })
const SubmitCart = v.object({ ...SubmitCartV1.entries, productIds: v.array(v.string()) })

/** Most rules look at their whole cart, and at no other. */
const wholeCart = ({ cartId }: v.InferOutput<typeof InCart>): DecisionScope<ShopMap> => ({
  query: { tags: { cartId } },
})

const inOpenCart = <D>(state: Cart | undefined, decide: (open: Cart) => D) => {
  if (state === undefined) return refuse('CartDoesNotExist')
  return state.submitted ? refuse('CartCannotBeAltered') : decide(state)
}

/** At the price that holds: what is added at an older one would never be archived. */
const decideAdd = (item: v.InferOutput<typeof AddItem>, { cart: state, goods }: Sale) => {
  const { cartId, itemId, productId } = item
  const { price = item.price } = goodOf(goods, productId)
  const refusal = price === item.price ? undefined : refuse('PriceHasChanged', { productId, price })
  if (state === undefined) return refusal ?? [events.CartCreated({ cartId }), events.ItemAdded(item)]
  return inOpenCart(state, ({ items }) => {
    if (items.some((present) => present.itemId === itemId)) return []
    if (items.length >= cartItemsMax) return refuse('CartFull', { max: cartItemsMax })
    return refusal ?? [events.ItemAdded(item)]
  })
}

const decideRemove = ({ cartId, itemId }: v.InferOutput<typeof OneItem>, state: Cart | undefined) =>
  inOpenCart(state, ({ items }) =>
    items.some((present) => present.itemId === itemId)
      ? [events.ItemRemoved({ cartId, itemId })]
      : refuse('ItemNotInCart'),
  )

const decideClear = ({ cartId }: v.InferOutput<typeof InCart>, state: Cart | undefined) =>
  inOpenCart(state, ({ items }) => (items.length > 0 ? [events.CartCleared({ cartId })] : refuse('CartIsEmpty')))

/** The first product of which the cart holds more than there are. What was never counted is taken to be there. */
function lackingIn(
  { items }: Cart,
  goods: Goods,
): { readonly productId: string; readonly inventory: number } | undefined {
  for (const { productId } of items) {
    const { inventory } = goodOf(goods, productId)
    const wanted = items.filter((item) => item.productId === productId).length
    if (inventory !== undefined && inventory < wanted) return { productId, inventory }
  }
  return undefined
}

/** Nobody pays another total, or for other things, than those on the screen when the order was placed. */
const decideSubmit = (wish: v.InferOutput<typeof SubmitCart>, { cart: state, goods }: Sale) =>
  inOpenCart(state, (open) => {
    const { cartId, total, productIds } = wish
    if (open.items.length === 0) return refuse('CartIsEmpty')
    const now = totalOf(open.items)
    if (now !== total) return refuse('TotalChanged', { total: now })
    // Of these it did not look whether they are there.
    if (open.items.some(({ productId }) => !productIds.includes(productId))) return refuse('CartChanged')
    const lacking = lackingIn(open, goods)
    if (lacking !== undefined) return refuse('OutOfStock', lacking)
    const ordered = open.items.map(({ productId, price }) => ({ productId, price }))
    return [events.CartSubmitted({ cartId, products: ordered, total })]
  })

export const addItem = define.decider({
  name: 'add-item',
  command: AddItem,
  scope: ({ cartId, productId }) => ({
    query: [{ tags: { cartId } }, { types: ['PriceChanged'], tags: { productId } }],
  }),
  state: sale,
  decide: decideAdd,
})
export const removeItem = define.decider({
  name: 'remove-item',
  command: OneItem,
  scope: wholeCart,
  state: cart,
  decide: decideRemove,
})
export const clearCart = define.decider({
  name: 'clear-cart',
  command: InCart,
  scope: wholeCart,
  state: cart,
  decide: decideClear,
})
export const submitCart = define.decider({
  name: 'submit-cart',
  command: SubmitCart,
  version: 2,
  // An order that an older page left pending looks at the whole shelf.
  upcast: {
    1: (old: v.InferOutput<typeof SubmitCartV1>) => ({ ...old, productIds: products.map((one) => one.productId) }),
  },
  scope: ({ cartId, productIds }) => ({
    query: [
      { tags: { cartId } },
      ...[...new Set(productIds)].map((productId) => ({ types: ['InventoryChanged'] as const, tags: { productId } })),
    ],
  }),
  state: sale,
  decide: decideSubmit,
})
