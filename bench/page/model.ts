import { defineEvents, defineLog, event, type Fact, type } from 'tidelog'
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

/** The corpus as an app hands it to `append`. */
export const toFact = ({ data }: BenchEvent): Fact<typeof definitions> => events.ItemAdded(data)
