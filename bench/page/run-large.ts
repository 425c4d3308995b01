import { unwrap } from 'tidelog'
import { createRandom, eventsPerCampaign, makeEventOf } from './corpus.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { events, toFact } from './model.ts'
import type { BenchLog } from './run-log.ts'
import { median, perSecond, quantile } from './statistics.ts'

const eventsPerCommit = 100
/** Streams and tags that are looked for, each once. */
const lookups = 40

/** A log of very many streams, few of them busy: appended, sealed, opened by a new worker, looked into, and read whole. */
export async function measureLarge(open: () => BenchLog, job: Job): Promise<Measures> {
  const counts = new Map<string, number>()
  const filling = open()
  const start = performance.now()
  const commitMs = await fill(filling, job, counts)
  const filled = performance.now()
  await filling.close()
  const opening = performance.now()
  const log = open()
  await log.ready
  const opened = performance.now()
  unwrap(await log.append([events.ItemAdded(makeEventOf(createRandom(job.seed + 1), 'new', 'new').data)]))
  const appended = performance.now()
  const streams = [...counts].filter(([, count]) => count >= 95 && count <= 105).slice(0, lookups)
  const streamMs: number[] = []
  for (const [stream, count] of streams) {
    const from = performance.now()
    const { events } = await log.read({ stream }).all()
    streamMs.push(performance.now() - from)
    mustEqual(`events of ${stream}`, events.length, count)
  }
  const queryMs: number[] = []
  const campaigns = Math.floor(job.largeEvents / eventsPerCampaign)
  for (let nth = 0; nth < lookups; nth++) {
    const campaignId = campaignOf(Math.floor((nth * campaigns) / lookups), campaigns)
    const from = performance.now()
    const { events } = await log.read({ query: { tags: { campaignId } } }).all()
    queryMs.push(performance.now() - from)
    mustEqual(`events of campaign ${campaignId}`, events.length, eventsPerCampaign)
  }
  const reading = performance.now()
  let read = 0
  for await (const _event of log.read()) read++
  const end = performance.now()
  mustEqual('events read', read, job.largeEvents + 1)
  await log.close()
  return {
    appendedPerSecond: perSecond(job.largeEvents, filled - start),
    commitMs: median(commitMs),
    commitMsP95: quantile(commitMs, 0.95),
    openMs: opened - opening,
    openAndAppendMs: appended - opening,
    streams: streams.length,
    streamMs: median(streamMs),
    queryMs: median(queryMs),
    readPerSecond: perSecond(read, end - reading),
  }
}

async function fill(log: BenchLog, job: Job, counts: Map<string, number>): Promise<readonly number[]> {
  const times: number[] = []
  const random = createRandom(job.seed)
  const pick = zipf(job.largeStreams, random)
  const campaigns = Math.floor(job.largeEvents / eventsPerCampaign)
  const made: ReturnType<typeof toFact>[] = []
  for (let at = 0; at < job.largeEvents; at++) {
    const event = makeEventOf(random, String(pick()).padStart(6, '0'), campaignOf(at, campaigns))
    counts.set(event.stream, (counts.get(event.stream) ?? 0) + 1)
    made.push(toFact(event))
    if (made.length < eventsPerCommit) continue
    const from = performance.now()
    unwrap(await log.append(made.splice(0)))
    times.push(performance.now() - from)
  }
  return times
}

/** Events of a campaign lie as far apart as they can. */
const campaignOf = (at: number, campaigns: number): string => `c${String(at % campaigns).padStart(8, '0')}`

/** Numbers below `count`, the n-th one n times as rare as the first. */
function zipf(count: number, random: () => number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    sums[rank] = sum
  }
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
