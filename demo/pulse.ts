// How often each kind of event has happened, and the last one of it.

import type { Recorded } from 'tidelog'
import { define, type ShopEventType, type ShopMap } from './events.ts'

export interface Deed {
  readonly count: number
  readonly pending: number
  /** The newest one. */
  readonly last: Recorded<ShopMap>
}
export type Deeds = { readonly [K in ShopEventType]?: Deed }

const note = (deeds: Deeds, event: Recorded<ShopMap>): Deeds => {
  const { count, pending } = deeds[event.type] ?? { count: 0, pending: 0 }
  const deed = { count: count + 1, pending: pending + (event.position === undefined ? 1 : 0), last: event }
  return { ...deeds, [event.type]: deed }
}

/** Changes with every event of the shop, also when a pending one is confirmed. */
export const pulse = define.projection<Deeds>({
  name: 'pulse',
  version: 2,
  initial: {},
  on: {
    CartCreated: note,
    ItemAdded: note,
    ItemRemoved: note,
    CartCleared: note,
    ItemArchived: note,
    CartSubmitted: note,
    CartPublished: note,
    CartPublicationFailed: note,
    InventoryChanged: note,
    PriceChanged: note,
  },
})
