// The event model of the shop, slice by slice: what asks, what decides, what then has happened, and who shows it.

import type { ShopEventType } from './events.ts'

export type Step =
  | { readonly kind: 'screen' | 'outside' | 'command' | 'automation' | 'model'; readonly name: string }
  | { readonly kind: 'event'; readonly name: ShopEventType }

export interface Slice {
  readonly id: string
  readonly title: string
  readonly about: string
  readonly steps: readonly Step[]
}

const screen = (name: string): Step => ({ kind: 'screen', name })
const outside = (name: string): Step => ({ kind: 'outside', name })
const command = (name: string): Step => ({ kind: 'command', name })
const automation = (name: string): Step => ({ kind: 'automation', name })
const model = (name: string): Step => ({ kind: 'model', name })
const event = (name: ShopEventType): Step => ({ kind: 'event', name })

export const slices: readonly Slice[] = [
  {
    id: 'add',
    title: 'Add a thing',
    about: 'A cart begins with its first thing, both in one write. It holds three.',
    steps: [screen('Shelf'), command('AddItem'), event('CartCreated'), event('ItemAdded'), model('Carts')],
  },
  {
    id: 'remove',
    title: 'Remove a thing',
    about: 'Only what is in the cart, and only before it is ordered.',
    steps: [screen('Cart'), command('RemoveItem'), event('ItemRemoved'), model('Carts')],
  },
  {
    id: 'clear',
    title: 'Empty the cart',
    about: 'All at once. The cart stays, and can be filled again.',
    steps: [screen('Cart'), command('ClearCart'), event('CartCleared'), model('Carts')],
  },
  {
    id: 'submit',
    title: 'Place the order',
    about: 'For the total that was seen, and only what is in stock.',
    steps: [screen('Cart'), command('SubmitCart'), event('CartSubmitted'), model('Orders')],
  },
  {
    id: 'publish',
    title: 'Publish the order',
    about: 'Tried again while the harbour office says no. Its end is a fact, either way.',
    steps: [
      event('CartSubmitted'),
      automation('Work queue'),
      event('CartPublished'),
      event('CartPublicationFailed'),
      model('Orders'),
    ],
  },
  {
    id: 'stock',
    title: 'Count the stock',
    about: 'A message from outside becomes a fact once, however often it comes.',
    steps: [outside('Stock counters'), event('InventoryChanged'), model('Inventories')],
  },
  {
    id: 'price',
    title: 'Change a price',
    about: 'What is added from now on is added at the new price.',
    steps: [outside('Price makers'), event('PriceChanged'), model('Inventories')],
  },
  {
    id: 'archive',
    title: 'Take out the old price',
    about: 'From every open cart that holds the thing at another price, by itself.',
    steps: [
      event('PriceChanged'),
      automation('Reactor'),
      command('ArchiveItem'),
      event('ItemArchived'),
      model('Carts'),
    ],
  },
]
