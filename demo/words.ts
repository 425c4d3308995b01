// Everything the page says about outcomes and states, in one place and in plain words.

import type { StorageStatus } from 'tidelog'
import { productOf } from './products.ts'
import type { Letter, Trouble } from './shop.ts'

const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
export const toMoney = (cents: number): string => money.format(cents / 100)

const numbers = new Intl.NumberFormat('en-IE')
export const toNumber = (n: number): string => numbers.format(n)

export const count = (n: number, one: string, many = `${one}s`): string => `${toNumber(n)} ${n === 1 ? one : many}`

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

/** What a refused commit wanted: by its command, or by its events when the command is no longer kept. */
export function wishToWords(letter: Letter): string {
  switch (letter.decider) {
    case 'add-item':
      return `Add ${productOf(letter.command.productId).name}`
    case 'remove-item':
      return 'Remove a thing'
    case 'clear-cart':
      return 'Empty the cart'
    case 'submit-cart':
      return `Order for ${toMoney(letter.command.total)}`
    default:
      return factToWords(letter.events.at(-1))
  }
}

function factToWords(fact: Letter['events'][number] | undefined): string {
  switch (fact?.type) {
    case 'ItemAdded':
      return `Add ${productOf(fact.data.productId).name}`
    case 'ItemRemoved':
      return 'Remove a thing'
    case 'CartCleared':
      return 'Empty the cart'
    case 'CartSubmitted':
      return `Order for ${toMoney(fact.data.total)}`
    default:
      return 'Start a cart'
  }
}

/** The cart that a refused commit was about. */
export const cartOf = ({ command, events }: Letter): string | undefined =>
  command?.cartId ?? events.find(({ data }) => data.cartId)?.data.cartId

/** Why it was refused although it was fine when it was made. */
export function reasonToWords({ reason }: Letter): string {
  switch (reason.type) {
    case 'CartFull':
      return `The cart was full by then: it holds ${count(reason.data.max, 'thing')}.`
    case 'CartCannotBeAltered':
      return 'The cart had been ordered by then.'
    case 'CartDoesNotExist':
      return 'The cart did not come into being.'
    case 'ItemNotInCart':
      return 'It was out of the cart already.'
    case 'CartIsEmpty':
      return 'The cart was empty by then.'
    case 'TotalChanged':
      return `The total was ${toMoney(reason.data.total)} by then.`
    case 'Conflict':
      return 'Another device was faster.'
    case 'Confirmed':
      return `You took it back too late: the server had it already, as number ${reason.position} of the log.`
    case 'Rejected': {
      const { title, detail } = reason.problem
      return `The server can’t take it. ${detail === undefined ? title : `${title}: ${detail}`}`
    }
  }
}

type Cause = Letter['causedBy'][number]

function causeToWords(event: Cause): string {
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
    case '$unknown':
      return 'something that only a newer version of the shop knows'
  }
}

const causesMax = 4

/** What others did that stood in its way, or nothing when nobody did. */
export function causesToWords({ causedBy }: Letter): string | undefined {
  if (causedBy.length === 0) return undefined
  const told = causedBy.slice(-causesMax).map(causeToWords)
  const untold = causedBy.length - told.length
  const deeds = untold > 0 ? [`${untold} more`, ...told] : told
  const things = count(causedBy.length, 'other thing')
  return `Because ${things} came in first: ${deeds.join(', ')}.`
}
