// What follows by itself. Each runs on the device whose event asks for it, once in effect over all its tabs.

import { type AnyAutomation, defineReactor, defineTask, type TaskContext } from 'tidelog/automation'
import { archiveItem } from './archive.ts'
import { events } from './events.ts'

/** What the harbour office is told of an order. */
export interface Order {
  readonly cartId: string
  readonly total: number
  readonly things: number
}
/** Brings an order to the harbour office; rejects when that does not take it. */
export type Publish = (order: Order, context: Pick<TaskContext, 'key' | 'signal' | 'progress'>) => Promise<void>

export const archiveOnPriceChange = defineReactor(events, {
  name: 'archive-on-price-change',
  on: 'origin',
  query: { types: ['PriceChanged'] },
  react: async ({ data: { productId } }, { execute }) => execute(archiveItem, { productId }),
})

export const publishTries = 4

export const publishCart = (publish: Publish) =>
  defineTask(events, {
    name: 'publish-cart',
    on: 'origin',
    query: { types: ['CartSubmitted'] },
    plan: ({ data: { cartId, total, products } }): { readonly input: Order } => ({
      input: { cartId, total, things: products.length },
    }),
    run: async (order, context) => {
      await publish(order, context)
      return [events.CartPublished({ cartId: order.cartId })]
    },
    failed: ({ cartId }, { message }) => [events.CartPublicationFailed({ cartId, problem: message })],
    attempts: publishTries,
    retryMs: 1_000,
    concurrency: 2,
    leaseMs: 10_000,
  })

export const automationsWith = (publish: Publish): readonly AnyAutomation[] => [
  archiveOnPriceChange,
  publishCart(publish),
]
