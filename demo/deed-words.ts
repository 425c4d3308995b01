import { productOf } from './products.ts'
import type { Letter } from './shop.ts'
import { toMoney, toNumber } from './words.ts'

/** What happened, in a few words. */
export function deedToWords(event: Letter['causedBy'][number]): string {
  switch (event.type) {
    case 'CartCreated':
      return 'the cart was started'
    case 'ItemAdded':
      return `${productOf(event.data.productId).name} was added`
    case 'ItemRemoved':
      return 'a thing was removed'
    case 'CartCleared':
      return 'the cart was emptied'
    case 'CartSubmitted':
      return `it was ordered for ${toMoney(event.data.total)}`
    case 'ItemArchived':
      return `${productOf(event.data.productId).name} was taken out`
    case 'CartPublished':
      return 'the harbour office took the order'
    case 'CartPublicationFailed':
      return 'the harbour office did not take the order'
    case 'InventoryChanged': {
      const left = event.data.inventory === 0 ? 'none' : toNumber(event.data.inventory)
      return `${productOf(event.data.productId).name} was counted, ${left} left`
    }
    case 'PriceChanged':
      return `the price of ${productOf(event.data.productId).name} became ${toMoney(event.data.newPrice)}`
    case '$unknown':
      return 'something that only a newer version of the shop knows'
  }
}
