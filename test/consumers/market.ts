// A model with automations: a price change archives a product in all carts, and a submitted cart is published by a task.
import { defineEvents, defineFor, defineLog, event, type } from 'tidelog'
import { defineReactor, defineTask, type RunsOn, type TaskContext } from 'tidelog/automation'

export const events = defineEvents({
  ItemAdded: event(type<{ cartId: string; productId: string }>(), {
    stream: (data) => `cart-${data.cartId}`,
    tags: ['cartId', 'productId'],
  }),
  ItemArchived: event(type<{ cartId: string; productId: string }>(), {
    stream: (data) => `cart-${data.cartId}`,
    tags: ['cartId', 'productId'],
  }),
  PriceChanged: event(type<{ productId: string; price: number }>(), {
    stream: (data) => `price-${data.productId}`,
    tags: ['productId'],
  }),
  PriceNoted: event(type<{ productId: string; price: number }>(), { stream: () => 'prices' }),
  CartSubmitted: event(type<{ cartId: string; afterMs?: number }>(), { stream: (data) => `cart-${data.cartId}` }),
  CartPublished: event(type<{ cartId: string; attempt: number }>(), { stream: (data) => `cart-${data.cartId}` }),
  CartPublicationFailed: event(type<{ cartId: string; why: string }>(), { stream: (data) => `cart-${data.cartId}` }),
})
const define = defineFor(events)

/** The carts that hold a product. */
const archiveProduct = define.decider({
  name: 'archive-product',
  command: type<{ productId: string }>(),
  scope: ({ productId }) => ({ query: { types: ['ItemAdded', 'ItemArchived'], tags: { productId } } }),
  initial: [] as readonly string[],
  evolve: {
    ItemAdded: (carts, { data }) => [...carts, data.cartId],
    ItemArchived: (carts, { data }) => carts.filter((cartId) => cartId !== data.cartId),
  },
  decide: ({ productId }, carts) => carts.map((cartId) => events.ItemArchived({ cartId, productId })),
})

/** Answers whether there is something to tell. */
export type Publish = (cartId: string, context: TaskContext) => string | Promise<string>

interface MarketOptions {
  readonly on?: RunsOn
  readonly publish?: Publish
  readonly task?: {
    readonly attempts?: number
    readonly concurrency?: number
    readonly deadlineMs?: number
    readonly leaseMs?: number
  }
  /** Called before a reactor answers. */
  readonly noted?: (productId: string) => unknown
}

export const market = ({
  on = 'server',
  publish = () => 'published',
  task = {},
  noted = () => {},
}: MarketOptions = {}) =>
  defineLog({
    name: 'market',
    events,
    deciders: [archiveProduct],
    automations: [
      defineReactor(events, {
        name: 'archive',
        on,
        query: { types: ['PriceChanged'] },
        react: ({ data }, { execute }) => execute(archiveProduct, { productId: data.productId }),
      }),
      defineReactor(events, {
        name: 'note',
        on,
        query: { types: ['PriceChanged'] },
        react: async ({ data }) => {
          await noted(data.productId)
          return [events.PriceNoted(data)]
        },
      }),
      defineTask(events, {
        name: 'publish',
        on,
        query: { types: ['CartSubmitted'] },
        plan: ({ data: { cartId, afterMs } }) =>
          cartId === 'unwanted' ? undefined : { input: { cartId }, ...(afterMs !== undefined && { afterMs }) },
        run: async ({ cartId }, context) =>
          (await publish(cartId, context)) === 'published'
            ? [events.CartPublished({ cartId, attempt: context.attempt })]
            : undefined,
        failed: ({ cartId }, { message }) => {
          if (cartId === 'nameless') throw new Error('no name for it')
          return [events.CartPublicationFailed({ cartId, why: message })]
        },
        ...task,
      }),
    ],
  })
