import type { BookLog, Passage } from './model.ts'

/** What the book says of one ship. */
export interface Found {
  /** Newest first. */
  readonly newest: readonly Passage[]
  readonly events: number
  /** Events of the whole book. */
  readonly among: number
  readonly ms: number
}

/** Looks a ship up, and measures how long that takes: all of its events, from the page's question to the answer. */
export async function findShip(log: BookLog, ship: string, newestMax: number): Promise<Found> {
  const begin = performance.now()
  const read = await log.read({ query: { tags: { ship } } }).all()
  const ms = performance.now() - begin
  const events = read.events.filter((event) => event.type === 'ShipPassed')
  return { newest: events.slice(-newestMax).reverse(), events: events.length, among: read.head.confirmed, ms }
}
