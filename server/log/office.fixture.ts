// The orders of an office, and what follows from them by itself.
import { defineEvents, defineFor, defineLog, event, refuse, retired, type } from 'tidelog'
import { z } from 'zod'

const toOrder = ({ order }: { readonly order: string }): string => `order-${order}`

export const events = defineEvents({
  Placed: event(z.object({ order: z.string(), amount: z.number() }), { stream: toOrder, tags: ['order'] }),
  Shipped: event(type<{ order: string }>(), { stream: toOrder, tags: ['order'] }),
  /** Once it had no words. */
  Noted: event(z.object({ order: z.string(), words: z.string() }), {
    version: 2,
    upcast: {
      1: (old: { readonly order: string; readonly text?: string }) => ({ order: old.order, words: `${old.text}!` }),
    },
    stream: toOrder,
    tags: ['order'],
  }),
  SeatTaken: event(type<{ hall: string; by: string }>(), { stream: ({ hall }) => `hall-${hall}`, tags: ['hall'] }),
  Viewed: event(type<{ page: string }>(), { stream: ({ page }) => `views-${page}` }),
  Letter: event(type<{ order: string }>(), { stream: ({ order }) => `letters-${order}`, tags: ['order'] }),
  Telegram: retired(type<{ order: string }>(), { becomes: ['Letter'], of: (data) => [{ type: 'Letter', data }] }),
})

export const define = defineFor(events)

export const ship = define.decider({
  name: 'ship',
  command: z.object({ order: z.string().min(1) }),
  scope: ({ order }) => ({ stream: toOrder({ order }) }),
  initial: { placed: 0, shipped: false },
  evolve: {
    Placed: (state) => ({ ...state, placed: state.placed + 1 }),
    Shipped: (state) => ({ ...state, shipped: true }),
  },
  decide: ({ order }, { placed, shipped }) => {
    if (placed === 0) return refuse('NoSuchOrder', { order })
    return shipped ? [] : [events.Shipped({ order })]
  },
})

export const seats = 5
export const takeSeat = define.decider({
  name: 'take-seat',
  command: type<{ hall: string; by: string }>(),
  scope: ({ hall }) => ({ query: { tags: { hall } }, stream: `hall-${hall}` }),
  initial: 0,
  evolve: { SeatTaken: (taken) => taken + 1 },
  decide: (command, taken) => (taken >= seats ? refuse('Full') : [events.SeatTaken(command)]),
})

export const amounts = define.projection<Readonly<Record<string, number>>>({
  name: 'amounts',
  version: 1,
  initial: {},
  on: { Placed: (all, { data }) => ({ ...all, [data.order]: (all[data.order] ?? 0) + data.amount }) },
})

export const office = defineLog({
  name: 'office',
  events,
  deciders: [ship, takeSeat],
  retentions: { 'views-*': { days: 90 } },
})

export const placed = (order: string, amount = 1) => events.Placed({ order, amount })
