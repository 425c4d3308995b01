import { defineDecider, defineEvents, defineLog, event, type Fact, type } from 'tidelog'
import type { BenchEvent, ItemAdded } from './corpus.ts'

// A plain type: a schema would measure the schema library.
export const definitions = {
  ItemAdded: event(type<ItemAdded>(), {
    stream: ({ cartId }) => `cart-${cartId}`,
    tags: ['customerId', 'campaignId'],
  }),
}
export const events = defineEvents(definitions)
export const model = defineLog({ name: 'bench', events })

/** Adds an item at the end of its cart: another one in that cart changes what is decided. */
export const addItem = defineDecider(events, {
  name: 'add-item',
  command: type<ItemAdded>(),
  scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
  initial: 0,
  evolve: { ItemAdded: (count) => count + 1 },
  decide: (item, count) => [events.ItemAdded({ ...item, quantity: count + 1 })],
})
/** The same log with a rule. */
export const decidingModel = defineLog({ name: 'bench', events, deciders: [addItem] })

/** The corpus as an app hands it to `append`. */
export const toFact = ({ data }: BenchEvent): Fact<typeof definitions> => events.ItemAdded(data)
