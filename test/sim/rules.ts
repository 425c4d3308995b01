// The rules of the theatre, as its owner would write them down: what a command looks at, and what then happens. The log
// runs them as deciders; the oracle asks them what ought to stand in the log.
import type { Entry, Fact, Look } from './theatre.ts'

export interface Command {
  readonly by: string
  readonly seat: string
  readonly other: string
}
/** Facts, none when there is nothing to do, or why not. */
export type Ruling = readonly Fact[] | { readonly no: string }
export interface TheatreRule {
  /** Everything that the decision may depend on. */
  readonly looks: (command: Command) => readonly Look[]
  readonly decide: (command: Command, seen: readonly Entry[]) => Ruling
}

const bySeat = (seat: string): Look => ({ tags: [`seat:${seat}`] })
const byTopic = (topic: string): Look => ({ tags: [`topic:${topic}`] })
const seatFact = (type: 'Booked' | 'Released', seat: string, by: string, of: number): Fact => ({
  type,
  stream: `seat-${seat}`,
  tags: [`seat:${seat}`],
  data: { seat, by, of },
})
export const noteFact = (topic: string, text: string, of: number, stream = `topic-${topic}`): Fact => ({
  type: 'Noted',
  stream,
  tags: [`topic:${topic}`],
  data: { topic, text, of },
})

/** Who holds a seat after these events. */
function holderOf(seat: string, seen: readonly Entry[]): string | undefined {
  const last = seen.filter(({ tags }) => tags.includes(`seat:${seat}`)).at(-1)
  return last?.type === 'Booked' ? (last.data as { readonly by: string }).by : undefined
}

const isFree = (seat: string, seen: readonly Entry[]): boolean => holderOf(seat, seen) === undefined

export const rules = {
  /** Books a seat that is free. */
  book: {
    looks: ({ seat }) => [bySeat(seat)],
    decide: ({ seat, by }, seen) => (isFree(seat, seen) ? [seatFact('Booked', seat, by, 1)] : { no: 'SeatTaken' }),
  },
  /** Releases a seat that one holds; one that nobody holds is released already. */
  release: {
    looks: ({ seat }) => [{ stream: `seat-${seat}` }],
    decide: ({ seat, by }, seen) => {
      if (isFree(seat, seen)) return []
      return holderOf(seat, seen) === by ? [seatFact('Released', seat, by, 1)] : { no: 'NotYours' }
    },
  },
  /** Books one of two seats; a second choice is noted. */
  'book-either': {
    looks: ({ seat, other }) => [bySeat(seat), bySeat(other)],
    decide: ({ seat, other, by }, seen) => {
      const free = [seat, other].find((one) => isFree(one, seen))
      if (free === undefined) return { no: 'BothTaken' }
      if (free === seat) return [seatFact('Booked', free, by, 1)]
      return [seatFact('Booked', free, by, 2), noteFact('bookings', `${by} has ${free}`, 2)]
    },
  },
  /** Writes elsewhere than it reads, and tells exactly what it has read. */
  tell: {
    looks: ({ seat }) => [byTopic(seat)],
    decide: ({ seat, other, by }, seen) => [
      noteFact(other, `${by} read ${seat}: ${seen.map(({ id }) => id).join(' ')}`, 1, 'told'),
    ],
  },
  /** Repeats what it has read, where nobody reads it. */
  echo: {
    looks: ({ seat }) => [byTopic(seat)],
    decide: ({ seat, by }, seen) => [
      noteFact(
        'echoes',
        `${by} heard ${seat}: ${seen.map(({ data }) => (data as { readonly text: string }).text).join(' ')}`,
        1,
      ),
    ],
  },
  /** Tells how many there are: a change that leaves the number leaves the decision. */
  count: {
    looks: ({ seat }) => [bySeat(seat)],
    decide: ({ seat, by }, seen) => [
      noteFact('counts', `${by}: ${seat} is ${isFree(seat, seen) ? 'free' : 'taken'}`, 1),
    ],
  },
} as const satisfies Readonly<Record<string, TheatreRule>>
export type RuleName = keyof typeof rules
