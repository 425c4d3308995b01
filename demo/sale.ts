// A cart and the products that a rule looks at, in one state: a decision is made from both, and holds only while both do.

import type { Recorded } from 'tidelog'
import { type Cart, evolve } from './cart.ts'
import { define, type ShopMap } from './events.ts'
import { type Goods, priced, stocked } from './goods.ts'

export interface Sale {
  readonly cart: Cart | undefined
  readonly goods: Goods
}

const inCart = (sale: Sale, event: Parameters<typeof evolve>[1]): Sale => ({ ...sale, cart: evolve(sale.cart, event) })

export const sale = define.projection<Sale>({
  name: 'sale',
  version: 1,
  initial: { cart: undefined, goods: [] },
  on: {
    CartCreated: inCart,
    ItemAdded: inCart,
    ItemRemoved: inCart,
    CartCleared: inCart,
    ItemArchived: inCart,
    CartSubmitted: inCart,
    CartPublished: inCart,
    CartPublicationFailed: inCart,
    InventoryChanged: (sale, event: Recorded<ShopMap, 'InventoryChanged'>) => ({
      ...sale,
      goods: stocked(sale.goods, event),
    }),
    PriceChanged: (sale, event: Recorded<ShopMap, 'PriceChanged'>) => ({ ...sale, goods: priced(sale.goods, event) }),
  },
})
