// What the page says about wishes that were refused later.

import { deedToWords } from './deed-words.ts'
import { productOf } from './products.ts'
import type { Letter } from './shop.ts'
import { count, toMoney } from './words.ts'

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
    case 'archive-item':
      return `Take ${productOf(letter.command.productId).name} out at its old price`
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
    case 'ItemArchived':
      return `Take ${productOf(fact.data.productId).name} out`
    case 'CartSubmitted':
      return `Order for ${toMoney(fact.data.total)}`
    case 'CartPublished':
    case 'CartPublicationFailed':
      return 'Note what became of an order'
    case 'InventoryChanged':
      return `Note the stock of ${productOf(fact.data.productId).name}`
    case 'PriceChanged':
      return `Note the price of ${productOf(fact.data.productId).name}`
    default:
      return 'Start a cart'
  }
}

type About = Readonly<Record<string, unknown>> & { readonly cartId?: unknown }
const namedIn = (about: About | undefined): string | undefined =>
  typeof about?.cartId === 'string' ? about.cartId : undefined

/** The cart that a refused commit was about, if it was about one. */
export const cartOf = ({ command, events }: Letter): string | undefined =>
  namedIn(command) ?? events.map(({ data }) => namedIn(data)).find((cartId) => cartId !== undefined)

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
    case 'CartChanged':
      return 'Other things were in the cart by then.'
    case 'PriceHasChanged':
      return `It cost ${toMoney(reason.data.price)} by then.`
    case 'OutOfStock':
      return reason.data.inventory === 0
        ? 'It was sold out by then.'
        : `There were only ${reason.data.inventory} by then.`
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

const causesMax = 4

/** What others did that stood in its way, or nothing when nobody did. */
export function causesToWords({ causedBy }: Letter): string | undefined {
  if (causedBy.length === 0) return undefined
  const told = causedBy.slice(-causesMax).map(deedToWords)
  const untold = causedBy.length - told.length
  const deeds = untold > 0 ? [`${untold} more`, ...told] : told
  const things = count(causedBy.length, 'other thing')
  return `Because ${things} came in first: ${deeds.join(', ')}.`
}
