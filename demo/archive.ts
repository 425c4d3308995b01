// When a price changes, what lies in carts at an older one is taken out: a rule about one product in all carts.

import type { Recorded } from 'tidelog'
import * as v from 'valibot'
import { define, events, type ShopMap } from './events.ts'

interface Holding {
  readonly cartId: string
  readonly itemId: string
  readonly price: number
}
/** What of one product lies in open carts, and what it costs now. */
export interface Holdings {
  readonly held: readonly Holding[]
  readonly price: number | undefined
}

const ArchiveItem = v.object({ productId: v.string() })

const without = (state: Holdings, isGone: (one: Holding) => boolean): Holdings => ({
  ...state,
  held: state.held.filter((one) => !isGone(one)),
})
const withoutItem = (state: Holdings, { data }: Recorded<ShopMap, 'ItemRemoved' | 'ItemArchived'>): Holdings =>
  without(state, ({ cartId, itemId }) => cartId === data.cartId && itemId === data.itemId)
const withoutCart = (state: Holdings, { data }: Recorded<ShopMap, 'CartCleared' | 'CartSubmitted'>): Holdings =>
  without(state, ({ cartId }) => cartId === data.cartId)

const decideArchive = ({ productId }: v.InferOutput<typeof ArchiveItem>, { held, price }: Holdings) =>
  held
    .filter((one) => price !== undefined && one.price !== price)
    .map(({ cartId, itemId }) => events.ItemArchived({ cartId, itemId, productId }))

export const archiveItem = define.decider({
  name: 'archive-item',
  command: ArchiveItem,
  scope: ({ productId }) => ({
    query: [
      { types: ['ItemAdded', 'ItemArchived', 'PriceChanged'], tags: { productId } },
      // These don't name their products, so those of all carts are looked at.
      { types: ['ItemRemoved', 'CartCleared', 'CartSubmitted'] },
    ],
  }),
  initial: { held: [], price: undefined } as Holdings,
  evolve: {
    ItemAdded: (state, { data: { cartId, itemId, price } }) => ({
      ...state,
      held: [...state.held, { cartId, itemId, price }],
    }),
    ItemRemoved: withoutItem,
    ItemArchived: withoutItem,
    CartCleared: withoutCart,
    CartSubmitted: withoutCart,
    PriceChanged: (state, { data }) => ({ ...state, price: data.newPrice }),
  },
  decide: decideArchive,
})
