// Everything that can happen in the shop: what visitors do, what follows by itself, and what the outside world tells.

import type { Events, Recorded } from 'tidelog'
import { defineEvents, defineFor, event } from 'tidelog'
import * as v from 'valibot'

const InCart = v.object({ cartId: v.string() })
const ItemAddedV1 = v.object({ ...InCart.entries, itemId: v.string(), productId: v.string(), price: v.number() })
const ItemAdded = v.object({ ...ItemAddedV1.entries, fingerprint: v.string() })
const ItemRemoved = v.object({ ...InCart.entries, itemId: v.string() })
const ItemArchived = v.object({ ...ItemRemoved.entries, productId: v.string() })
const CartSubmitted = v.object({
  ...InCart.entries,
  products: v.array(v.object({ productId: v.string(), price: v.number() })),
  total: v.number(),
})
const CartPublicationFailed = v.object({ ...InCart.entries, problem: v.string() })
const InventoryChanged = v.object({ productId: v.string(), inventory: v.number() })
const PriceChanged = v.object({ productId: v.string(), oldPrice: v.number(), newPrice: v.number() })

const stream = (data: { readonly cartId: string }) => `cart-${data.cartId}`
const productStream = (data: { readonly productId: string }) => `product-${data.productId}`

export const events = defineEvents({
  CartCreated: event(InCart, { stream, tags: ['cartId'] }),
  ItemAdded: event(ItemAdded, {
    stream,
    // So it belongs to the boundary of its cart, and to that of its product.
    tags: ['cartId', 'productId'],
    version: 2,
    upcast: { 1: (old: v.InferOutput<typeof ItemAddedV1>) => ({ ...old, fingerprint: 'default-fingerprint' }) },
  }),
  ItemRemoved: event(ItemRemoved, { stream, tags: ['cartId'] }),
  CartCleared: event(InCart, { stream, tags: ['cartId'] }),
  /** Taken out by the shop, since its price is no longer right. */
  ItemArchived: event(ItemArchived, { stream, tags: ['cartId', 'productId'] }),
  CartSubmitted: event(CartSubmitted, { stream, tags: ['cartId'] }),
  CartPublished: event(InCart, { stream, tags: ['cartId'] }),
  CartPublicationFailed: event(CartPublicationFailed, { stream, tags: ['cartId'] }),
  InventoryChanged: event(InventoryChanged, { stream: productStream, tags: ['productId'] }),
  PriceChanged: event(PriceChanged, { stream: productStream, tags: ['productId'] }),
})

export type ShopMap = typeof events extends Events<infer M> ? M : never
export type ShopEvent = Recorded<ShopMap>
export type ShopEventType = keyof ShopMap & string

export const define = defineFor(events)
