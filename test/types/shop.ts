// The model that the type tests and the behaviour tests share.
import { type as ark } from 'arktype'
import { defineEvents, defineFor, defineLog, event, type } from 'tidelog'
import * as v from 'valibot'
import { z } from 'zod'

interface CartCreatedData {
  cartId: string
}
const ItemAddedV1 = z.object({ cartId: z.string(), itemId: z.string(), productId: z.string(), price: z.number() })

const toCart = (data: { cartId: string }): string => `cart-${data.cartId}`

export const events = defineEvents({
  CartCreated: event(type<CartCreatedData>(), { stream: toCart, tags: ['cartId'] }),
  ItemAdded: event(ItemAddedV1.extend({ fingerprint: z.string().default('default-fingerprint') }), {
    version: 2,
    upcast: { 1: (old: z.infer<typeof ItemAddedV1>) => ({ ...old, fingerprint: 'default-fingerprint' }) },
    stream: toCart,
    tags: ['cartId', 'productId'],
  }),
  ItemRemoved: event(v.object({ cartId: v.string(), itemId: v.string() }), { tags: ['cartId'] }),
  CartCleared: event(ark({ cartId: 'string' }), { stream: toCart, tags: ['cartId'] }),
  CartSubmitted: event(
    ark({ cartId: 'string', products: ark({ productId: 'string', price: 'number' }).array(), total: 'number' }),
    { stream: toCart, tags: ['cartId'] },
  ),
})

export interface Item {
  readonly id: string
  readonly price: number
  readonly pending: boolean
}
export interface Cart {
  readonly items: readonly Item[]
  readonly submitted: boolean
}
export const define = defineFor(events)
export const cart = define.projection<Cart | undefined, { cartId: string }>({
  name: 'cart',
  version: 1,
  initial: undefined,
  scope: ({ cartId }) => ({ query: { tags: { cartId } } }),
  on: {
    CartCreated: () => ({ items: [], submitted: false }),
    ItemAdded: (s, e) =>
      s && {
        ...s,
        items: [...s.items, { id: e.data.itemId, price: e.data.price, pending: e.position === undefined }],
      },
    ItemRemoved: (s, e) => s && { ...s, items: s.items.filter((item) => item.id !== e.data.itemId) },
    CartCleared: (s) => s && { ...s, items: [] },
    CartSubmitted: (s) => s && { ...s, submitted: true },
  },
})
export const shop = defineLog({ name: 'shop', events })
