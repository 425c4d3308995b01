// What the shop looks up often, kept as rows: products, open carts with what they hold, and orders.

import { define } from './events.ts'
import { productOf } from './products.ts'

export interface Inventory {
  readonly name: string
  /** How many there are, where that was ever counted. */
  readonly inventory?: number
  /** In cents, where the outside world has spoken of it. */
  readonly price?: number
}

const named = (productId: string): Inventory => ({ name: productOf(productId).name })

export const inventories = define.readModel<Inventory>({
  name: 'inventories',
  version: 1,
  query: { types: ['InventoryChanged', 'PriceChanged'] },
  ids: {
    InventoryChanged: ({ data }) => data.productId,
    PriceChanged: ({ data }) => data.productId,
  },
  on: {
    InventoryChanged: (row, { data }, id) => ({ ...(row ?? named(id)), inventory: data.inventory }),
    PriceChanged: (row, { data }, id) => ({ ...(row ?? named(id)), price: data.newPrice }),
  },
  indexes: {
    name: ({ name }) => [name.toLowerCase()],
    stock: ({ inventory }) => (inventory === undefined ? [] : [inventory]),
    price: ({ price }) => (price === undefined ? [] : [price]),
  },
})

export interface OpenCart {
  readonly items: readonly { readonly itemId: string; readonly productId: string; readonly price: number }[]
}

/** A cart without things is no row. */
const withItems = (items: OpenCart['items']): OpenCart | undefined => (items.length > 0 ? { items } : undefined)
const without = (row: OpenCart | undefined, itemId: string): OpenCart | undefined =>
  withItems(row?.items.filter((item) => item.itemId !== itemId) ?? [])

export const openCarts = define.readModel<OpenCart>({
  name: 'carts-with-products',
  version: 1,
  query: { types: ['ItemAdded', 'ItemRemoved', 'ItemArchived', 'CartCleared', 'CartSubmitted'] },
  ids: {
    ItemAdded: ({ data }) => data.cartId,
    ItemRemoved: ({ data }) => data.cartId,
    ItemArchived: ({ data }) => data.cartId,
    CartCleared: ({ data }) => data.cartId,
    CartSubmitted: ({ data }) => data.cartId,
  },
  on: {
    ItemAdded: (row, { data: { itemId, productId, price } }) =>
      withItems([...(row?.items ?? []), { itemId, productId, price }]),
    ItemRemoved: (row, { data }) => without(row, data.itemId),
    ItemArchived: (row, { data }) => without(row, data.itemId),
    CartCleared: () => undefined,
    CartSubmitted: () => undefined,
  },
  indexes: {
    product: ({ items }) => [...new Set(items.map(({ productId }) => productId))],
    total: ({ items }) => [items.reduce((sum, { price }) => sum + price, 0)],
  },
})

export interface Order {
  readonly products: readonly string[]
  readonly total: number
  /** ISO 8601. */
  readonly time: string
  readonly state: 'waiting' | 'published' | 'failed'
}

export const orders = define.readModel<Order>({
  name: 'submitted-carts',
  version: 1,
  query: { types: ['CartSubmitted', 'CartPublished', 'CartPublicationFailed'] },
  ids: {
    CartSubmitted: ({ data }) => data.cartId,
    CartPublished: ({ data }) => data.cartId,
    CartPublicationFailed: ({ data }) => data.cartId,
  },
  on: {
    CartSubmitted: (_, { data, time }) => ({
      products: data.products.map(({ productId }) => productId),
      total: data.total,
      time,
      state: 'waiting',
    }),
    CartPublished: (row) => row && { ...row, state: 'published' },
    CartPublicationFailed: (row) => row && { ...row, state: 'failed' },
  },
  indexes: {
    time: ({ time }) => [time],
    total: ({ total }) => [total],
    state: ({ state }) => [state],
  },
})
