// Everything the page says about outcomes and states, in one place and in plain words.

import type { StorageStatus } from 'tidelog'
import type { Publication } from './cart.ts'
import { productOf } from './products.ts'
import type { Trouble } from './shop.ts'

const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
export const toMoney = (cents: number): string => money.format(cents / 100)

const numbers = new Intl.NumberFormat('en-IE')
export const toNumber = (n: number): string => numbers.format(n)

export const count = (n: number, one: string, many = `${one}s`): string => `${toNumber(n)} ${n === 1 ? one : many}`

/** How many there are, in two words. */
export const leftToWords = (inventory: number): string => (inventory === 0 ? 'Sold out' : `${toNumber(inventory)} left`)

const stockToWords = ({ productId, inventory }: { readonly productId: string; readonly inventory: number }): string => {
  const { name } = productOf(productId)
  return inventory === 0
    ? `${name} is sold out.`
    : `Of ${name} there ${inventory === 1 ? 'is' : 'are'} ${inventory} left.`
}

/** Why a command was not carried out, and what to do about it. */
export function troubleToWords(trouble: Trouble): string {
  switch (trouble.type) {
    case 'CartFull':
      return `This cart holds ${count(trouble.data.max, 'thing')}. Remove one, or start a new cart.`
    case 'CartCannotBeAltered':
      return 'This cart has been ordered, so it stays as it is. Start a new cart for more.'
    case 'CartDoesNotExist':
      return 'There is no such cart yet. Add something and it will be.'
    case 'ItemNotInCart':
      return 'That is not in the cart any more.'
    case 'CartIsEmpty':
      return 'The cart is empty. Add something first.'
    case 'TotalChanged':
      return `The total is ${toMoney(trouble.data.total)} now. Look at the cart again before you order.`
    case 'CartChanged':
      return 'Another thing came into the cart. Look at it again before you order.'
    case 'PriceHasChanged':
      return `${productOf(trouble.data.productId).name} costs ${toMoney(trouble.data.price)} now. Look at the shelf again.`
    case 'OutOfStock':
      return `${stockToWords(trouble.data)} Take it out of the cart, or wait until there is more.`
    case 'StorageFull':
      return 'This device has no room left, so nothing was added. Free some space and try again.'
    case 'StorageUnavailable':
      return 'This browser gives the shop no storage, so nothing was added.'
    case 'UpdateNeeded':
      return 'A newer version of the shop wrote to this cart. Reload to get it.'
    default:
      return trouble.message
  }
}

/** How an order fares after it was placed. */
export function publicationToWords(publication: Publication | undefined): string {
  switch (publication?.state) {
    case 'published':
      return 'The harbour office has it.'
    case 'failed':
      return `The harbour office did not take it. ${publication.problem}`
    default:
      return 'The harbour office has not answered yet.'
  }
}

/** What the shop took out of a cart by itself, and why. */
export function archivedToWords(productIds: readonly string[]): string | undefined {
  if (productIds.length === 0) return undefined
  const names = [...new Set(productIds)].map((productId) => productOf(productId).name)
  return `Taken out, since the price has changed: ${names.join(', ')}. Add it again at the new one.`
}

/** What the page has to say about where the log rests; nothing when all is well. */
export function storageToWords(status: StorageStatus): string | undefined {
  switch (status.state) {
    case 'memory':
      return 'This window gives the shop no storage. What you do here is gone when you close it, unless it was synced.'
    case 'full':
      return 'This device has no room left. What is in the log is safe; nothing new fits until you free some space.'
    case 'lost':
      return 'The browser took the storage away. Reload the page to open it again.'
    case 'needs-newer-app':
      return 'A newer version of the shop has been here. Reload the page to get it.'
    case 'moved':
      return 'The log was begun anew in another tab. Reload the page to go on with it.'
    case 'signed-out':
    case 'closed':
      return 'The log is closed. Reload the page to go on.'
    default:
      return status.durable || status.state === 'opening' ? undefined : 'What you do here may not outlive this tab.'
  }
}
