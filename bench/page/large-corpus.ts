// A large log: few busy streams, very many rare ones. Every contender fills itself with the same one, once for all rounds.
import { type BenchEvent, createRandom, eventsPerCampaign, makeEventOf, type Versioned } from './corpus.ts'
import type { Job } from './job.ts'

type Size = Pick<Job, 'largeEvents' | 'largeStreams' | 'seed'>

export const largeEventsPerCommit = 100
/** Streams, and campaigns, that a round looks for, each once. */
const lookups = 16
/** About so many events are in a stream that is looked for. */
const streamEvents = 100

/** What a round looks for; no other round looks for the same, so that nothing of it lies in a cache. */
export interface Lookups {
  readonly streams: readonly { readonly name: string; readonly events: number }[]
  readonly campaigns: readonly string[]
}

export function lookupsOf(job: Job): Lookups {
  const counts = new Map<string, number>()
  const numbers = streamNumbers(job)
  for (let at = 0; at < job.largeEvents; at++) {
    const name = `cart-${numbers()}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const distance = ({ events }: { readonly events: number }): number => Math.abs(events - streamEvents)
  const streams = [...counts]
    .map(([name, events]) => ({ name, events }))
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, lookups * (job.rounds + 1))
  const count = campaignsOf(job)
  const campaigns = Array.from({ length: lookups * (job.rounds + 1) }, (_, nth) =>
    campaignOf(Math.floor(((nth + 0.5) * count) / (lookups * (job.rounds + 1))), count),
  )
  const ofThisRound = (_: unknown, nth: number): boolean => nth % (job.rounds + 1) === job.round
  return { streams: streams.filter(ofThisRound), campaigns: campaigns.filter(ofThisRound) }
}

/** The events in order, a commit at a time. */
export function* largeCommits(job: Size): Generator<readonly Versioned[]> {
  const random = createRandom(job.seed)
  const numbers = streamNumbers(job)
  const count = campaignsOf(job)
  const versions = new Map<string, number>()
  let commit: Versioned[] = []
  for (let at = 0; at < job.largeEvents; at++) {
    const { data, ...event } = makeEventOf(random, numbers(), campaignOf(at, count))
    const version = (versions.get(event.stream) ?? 0) + 1
    versions.set(event.stream, version)
    commit.push({ ...event, data: { ...data, quantity: quantityAt(at) }, version })
    if (commit.length < largeEventsPerCommit && at + 1 < job.largeEvents) continue
    yield commit
    commit = []
  }
}

/** The event that is appended to a log that has just been opened; a scan's sum stays what it was. */
export function makeNewEvent({ seed }: Size): BenchEvent {
  const { data, ...event } = makeEventOf(createRandom(seed), 'new', 'new')
  return { ...event, data: { ...data, quantity: 0 } }
}

/** What a scan of the whole log adds up to. */
export function quantityOf({ largeEvents }: Size): number {
  let quantity = 0
  for (let at = 0; at < largeEvents; at++) quantity += quantityAt(at)
  return quantity
}

const quantityAt = (at: number): number => (at % 9) + 1
const campaignsOf = ({ largeEvents }: Size): number => Math.floor(largeEvents / eventsPerCampaign)
/** Events of a campaign lie as far apart as they can. */
const campaignOf = (at: number, campaigns: number): string => `c${String(at % campaigns).padStart(9, '0')}`

/** Answers the number of the next event's stream: the n-th stream is n times as rare as the first. */
function streamNumbers({ largeStreams, seed }: Size): () => string {
  // Apart from the numbers of the events, so that streams are counted without making the events.
  const random = createRandom(~seed)
  const sums = new Float64Array(largeStreams)
  let sum = 0
  for (let rank = 0; rank < largeStreams; rank++) {
    sum += 1 / (rank + 1)
    sums[rank] = sum
  }
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, largeStreams - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return String(low).padStart(6, '0')
  }
}
