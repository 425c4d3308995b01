import { refuse, type } from 'tidelog'
import type { Fact } from './evidence.ts'
import { type Command, type Ruling, rules } from './rules.ts'
import { define, type Entry, entryOf, events, type NoteData, type SeatData } from './theatre.ts'

const noted = (state: readonly Entry[], entry: Entry): readonly Entry[] => [...state, entryOf(entry)]
const evolve = { Booked: noted, Released: noted, Noted: noted }
const initial: readonly Entry[] = []
const command = type<Command>()

const toFact = ({ type: name, data }: Fact) => {
  if (name === 'Noted') return events.Noted(data as NoteData)
  return name === 'Booked' ? events.Booked(data as SeatData) : events.Released(data as SeatData)
}
const answer = (ruling: Ruling) => ('no' in ruling ? refuse(ruling.no, { kept: true }) : ruling.map(toFact))

/** The rules as deciders of the log. */
export const deciders = {
  book: define.decider({
    name: 'book',
    command,
    initial,
    evolve,
    scope: ({ seat }) => ({ query: { tags: { seat } } }),
    decide: (asked, state) => answer(rules.book.decide(asked, state)),
  }),
  release: define.decider({
    name: 'release',
    command,
    initial,
    evolve,
    scope: ({ seat }) => ({ stream: `seat-${seat}` }),
    decide: (asked, state) => answer(rules.release.decide(asked, state)),
  }),
  'book-either': define.decider({
    name: 'book-either',
    command,
    initial,
    evolve,
    scope: ({ seat, other }) => ({ query: [{ tags: { seat } }, { tags: { seat: other } }] }),
    decide: (asked, state) => answer(rules['book-either'].decide(asked, state)),
  }),
  tell: define.decider({
    name: 'tell',
    command,
    initial,
    evolve,
    scope: ({ seat }) => ({ query: { tags: { topic: seat } }, stream: 'told' }),
    decide: (asked, state) => answer(rules.tell.decide(asked, state)),
  }),
  echo: define.decider({
    name: 'echo',
    command,
    initial,
    evolve,
    scope: ({ seat }) => ({ query: { tags: { topic: seat } } }),
    decide: (asked, state) => answer(rules.echo.decide(asked, state)),
  }),
  count: define.decider({
    name: 'count',
    command,
    initial,
    evolve,
    scope: ({ seat }) => ({ query: { tags: { seat } } }),
    decide: (asked, state) => answer(rules.count.decide(asked, state)),
  }),
}
