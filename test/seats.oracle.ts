// What booking seats means, written down a second time: shares nothing with the rules it judges but their names.

export type Command =
  | { readonly kind: 'book' | 'release' | 'ensure-held'; readonly seat: string; readonly by: string }
  | { readonly kind: 'book-any' | 'tell'; readonly by: string }
export interface Happened {
  readonly type: string
  readonly data: unknown
}
export type Verdict = { readonly no: string } | { readonly yes: readonly Happened[] }

const seats = ['1', '2', '3']

/** Who holds what, after everything that happened. Throws where a seat is booked twice or given back by a stranger. */
export function holdersAfter(happened: readonly Happened[]): Map<string, string> {
  const holders = new Map<string, string>()
  for (const { type, data } of happened) {
    const { seat, by } = data as { seat: string; by: string }
    if (type === 'Booked') {
      if (holders.has(seat)) throw new Error(`seat ${seat} is booked twice`)
      holders.set(seat, by)
    } else if (type === 'Released') {
      if (holders.get(seat) !== by) throw new Error(`seat ${seat} is given back by ${by}`)
      holders.delete(seat)
    }
  }
  return holders
}

/** What has to come of a command where this happened before. */
export function judge(command: Command, happened: readonly Happened[]): Verdict {
  const holders = holdersAfter(happened)
  const { by } = command
  const booking = (seat: string): Verdict => ({ yes: [{ type: 'Booked', data: { seat, by } }] })
  switch (command.kind) {
    case 'book':
      return holders.has(command.seat) ? { no: `SeatTaken ${holders.get(command.seat)}` } : booking(command.seat)
    case 'ensure-held':
      return holders.has(command.seat) ? { yes: [] } : booking(command.seat)
    case 'release':
      if (holders.get(command.seat) !== by) return { no: 'NotYours' }
      return { yes: [{ type: 'Released', data: { seat: command.seat, by } }] }
    case 'book-any': {
      const free = seats.filter((seat) => !holders.has(seat))
      return free[0] === undefined ? { no: 'SoldOut' } : booking(free[0])
    }
    case 'tell': {
      const held = [...holders].map(([seat, holder]) => `${seat}:${holder}`).sort()
      return { yes: [{ type: 'Told', data: { by, held: held.join(' ') } }] }
    }
  }
}
