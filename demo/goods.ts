// What the outside world says of the products: how many there are, and what they cost.

import type { Recorded } from 'tidelog'
import { define, type ShopMap } from './events.ts'

/** What is known of one product; nothing of what the outside world has not spoken of. */
export interface Good {
  readonly productId: string
  readonly inventory?: number
  /** In cents. */
  readonly price?: number
}
export type Goods = readonly Good[]

export const goodOf = (goods: Goods, productId: string): Good =>
  goods.find((good) => good.productId === productId) ?? { productId }

const withGood = (goods: Goods, good: Good): Goods => [
  ...goods.filter(({ productId }) => productId !== good.productId),
  { ...goodOf(goods, good.productId), ...good },
]

export const stocked = (goods: Goods, { data }: Recorded<ShopMap, 'InventoryChanged'>): Goods =>
  withGood(goods, { productId: data.productId, inventory: data.inventory })

export const priced = (goods: Goods, { data }: Recorded<ShopMap, 'PriceChanged'>): Goods =>
  withGood(goods, { productId: data.productId, price: data.newPrice })

export const goods = define.projection<Goods>({
  name: 'goods',
  version: 1,
  initial: [],
  scope: () => ({ query: { types: ['InventoryChanged', 'PriceChanged'] } }),
  on: { InventoryChanged: stocked, PriceChanged: priced },
})
