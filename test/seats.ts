// Seats of a hall and the rules of booking them: decisions that depend on everything before them.

import { defineEvents, defineFor, defineLog, event, refuse, type } from 'tidelog'

const streamOf = ({ seat }: { readonly seat: string }): string => `seat-${seat}`

export const events = defineEvents({
  Booked: event(type<{ seat: string; by: string }>(), { stream: streamOf, tags: ['seat'] }),
  Released: event(type<{ seat: string; by: string }>(), { stream: streamOf, tags: ['seat'] }),
  Told: event(type<{ by: string; held: string }>(), { stream: ({ by }) => `told-${by}` }),
})
export const define = defineFor(events)

/** Who holds which seat. */
export type Hall = Readonly<Record<string, string>>
export const hall = define.projection<Hall>({
  name: 'hall',
  version: 1,
  initial: {},
  on: {
    Booked: (state, { data }) => ({ ...state, [data.seat]: data.by }),
    Released: (state, { data }) => {
      const { [data.seat]: _released, ...rest } = state
      return rest
    },
  },
})
export const seats = ['1', '2', '3'] as const

interface Asked {
  readonly seat: string
  readonly by: string
}
const ofSeat = ({ seat }: Asked) => ({ query: { tags: { seat } } })
const ofHall = () => ({ query: { types: ['Booked', 'Released'] as const } })

/** Books one seat; looks at that seat alone. */
export const book = define.decider({
  name: 'book',
  command: type<Asked>(),
  scope: ofSeat,
  state: hall,
  decide: ({ seat, by }, state) =>
    state[seat] === undefined ? [events.Booked({ seat, by })] : refuse('SeatTaken', { by: state[seat] }),
})
/** Gives a seat back. */
export const release = define.decider({
  name: 'release',
  command: type<Asked>(),
  scope: ofSeat,
  state: hall,
  decide: ({ seat, by }, state) => (state[seat] === by ? [events.Released({ seat, by })] : refuse('NotYours')),
})
/** Books the first seat that is free. */
export const bookAny = define.decider({
  name: 'book-any',
  command: type<{ by: string }>(),
  scope: ofHall,
  state: hall,
  decide: ({ by }, state) => {
    const seat = seats.find((one) => state[one] === undefined)
    return seat === undefined ? refuse('SoldOut', { seats: seats.length }) : [events.Booked({ seat, by })]
  },
})
/** Sees to it that a seat is held by somebody. */
export const ensureHeld = define.decider({
  name: 'ensure-held',
  command: type<Asked>(),
  scope: ofSeat,
  state: hall,
  decide: ({ seat, by }, state) => (state[seat] === undefined ? [events.Booked({ seat, by })] : []),
})
/** Writes down who holds what: its content is what it read. */
export const tell = define.decider({
  name: 'tell',
  command: type<{ by: string }>(),
  scope: ofHall,
  state: hall,
  decide: ({ by }, state) => [events.Told({ by, held: heldOf(state) })],
})
export const heldOf = (state: Hall): string =>
  Object.keys(state)
    .sort()
    .map((seat) => `${seat}:${state[seat]}`)
    .join(' ')

export const seating = defineLog({ name: 'seating', events, deciders: [book, release, bookAny, ensureHeld, tell] })
