// Everything the page says about outcomes and states, in one place and in plain words.

import type { DeadLetter, StorageStatus } from 'tidelog'
import type { Trouble } from './commands.ts'
import { productOf } from './products.ts'
import type { ShopMap } from './shop.ts'

const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
export const toMoney = (cents: number): string => money.format(cents / 100)

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

/** Why a command was not carried out, and what to do about it. */
export function troubleToWords(trouble: Trouble): string {
  switch (trouble.type) {
    case 'CartFull':
      return `This cart holds ${count(trouble.max, 'thing')}. Remove one, or start a new cart.`
    case 'CartCannotBeAltered':
      return 'This cart has been ordered, so it stays as it is. Start a new cart for more.'
    case 'CartDoesNotExist':
      return 'There is no such cart yet. Add something and it will be.'
    case 'ItemNotInCart':
      return 'That is not in the cart any more.'
    case 'CartIsEmpty':
      return 'The cart is empty. Add something first.'
    case 'Overtaken':
      return 'Other tabs were faster every time. Please try again.'
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
    case 'closed':
      return 'The log is closed. Reload the page to go on.'
    default:
      return status.durable || status.state === 'opening' ? undefined : 'What you do here may not outlive this tab.'
  }
}

type Letter = DeadLetter<ShopMap>

/** What a refused commit wanted. */
export function wishToWords(letter: Letter): string {
  for (const event of letter.events) {
    if (event.type === 'ItemAdded') return `Add ${productOf(event.data.productId).name}`
    if (event.type === 'ItemRemoved') return 'Remove an item'
    if (event.type === 'CartCleared') return 'Empty the cart'
    if (event.type === 'CartSubmitted') return `Order for ${toMoney(event.data.total)}`
  }
  return 'Start a cart'
}

const happened: Readonly<Record<string, string>> = {
  CartCreated: 'started this cart',
  ItemAdded: 'added something',
  ItemRemoved: 'removed something',
  CartCleared: 'emptied the cart',
  CartSubmitted: 'placed the order',
}

/** Why the commit was refused. */
export function reasonToWords(letter: Letter): string {
  if (letter.reason.type === 'Rejected') {
    const { title, detail } = letter.reason.problem
    return detail === undefined ? title : `${title}: ${detail}`
  }
  const deeds = new Set(letter.reason.events.map(({ type }) => happened[type] ?? 'changed it'))
  const last = [...deeds].at(-1)
  return last === undefined ? 'Another device was faster.' : `Another device was faster: it ${last} first.`
}
