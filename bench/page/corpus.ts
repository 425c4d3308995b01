import type { Job } from './job.ts'

/** An event as every contender writes it: 421 characters of JSON on average, two of them tags. */
export interface BenchEvent {
  readonly type: 'ItemAdded'
  readonly stream: string
  readonly data: ItemAdded
  readonly tags: readonly [customer: string, campaign: string]
}
export interface ItemAdded {
  readonly cartId: string
  readonly customerId: string
  readonly campaignId: string
  readonly product: string
  readonly price: number
  readonly quantity: number
  readonly note: string
}
/** What an event needs beside that where events are rows: its place in its stream. */
export interface Versioned extends BenchEvent {
  readonly version: number
}

/** Events that share the selective tag; the other tag is as wide as a stream. */
export const eventsPerCampaign = 10
const noteLength = 183
const words =
  'tide harbour anchor lantern copper velvet maple orbit cinder meadow pebble quartz ribbon saddle timber walnut'.split(
    ' ',
  )

/** Numbers in [0, 1), the same ones for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The tag value that exactly {@link eventsPerCampaign} events of one commit carry. */
export const campaignOf = (commit: number, group: number): string =>
  `c${String(commit).padStart(4, '0')}-${String(group).padStart(4, '0')}`

/** Commits of events that are spread at random over the streams. */
export function makeCommits(job: Job, count: number): readonly (readonly BenchEvent[])[] {
  const random = createRandom(job.seed)
  return Array.from({ length: count }, (_, commit) =>
    Array.from({ length: job.eventsPerCommit }, (_, at) =>
      makeEvent(random, job.streams, campaignOf(commit, Math.floor(at / eventsPerCampaign))),
    ),
  )
}

/** The same commits for contenders that keep the version in the row: counted here, before the clock starts. */
export function withVersions(commits: readonly (readonly BenchEvent[])[]): readonly (readonly Versioned[])[] {
  const versions = new Map<string, number>()
  return commits.map((events) =>
    events.map((event) => {
      const version = (versions.get(event.stream) ?? 0) + 1
      versions.set(event.stream, version)
      return { ...event, version }
    }),
  )
}

const makeEvent = (random: () => number, streams: number, campaignId: string): BenchEvent =>
  makeEventOf(random, String(Math.floor(random() * streams)).padStart(6, '0'), campaignId)

/** An event of one cart and one campaign. */
export function makeEventOf(random: () => number, number: string, campaignId: string): BenchEvent {
  let note = ''
  while (note.length < noteLength) note += `${words[Math.floor(random() * words.length)]} `
  const data = {
    cartId: number,
    customerId: `u${number}`,
    campaignId,
    product: `product-${String(Math.floor(random() * 1e6)).padStart(6, '0')}`,
    price: Math.floor(random() * 90_000) + 10_000,
    quantity: Math.floor(random() * 9) + 1,
    note: note.slice(0, noteLength),
  }
  const tags = [`customerId:${data.customerId}`, `campaignId:${campaignId}`] as const
  return { type: 'ItemAdded', stream: `cart-${number}`, data, tags }
}
