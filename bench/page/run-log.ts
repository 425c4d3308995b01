import { type Log, unwrap } from 'tidelog'
import { campaignOf, eventsPerCampaign, makeCommits } from './corpus.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { type definitions, toFact } from './model.ts'
import { median, perSecond, quantile, sum } from './statistics.ts'

export type BenchLog = Log<typeof definitions>
/** Opens the log that is measured. */
export type Open = (options: Pick<Job, 'durability'>) => BenchLog

/** The corpus by `log.append`, each commit under a condition of its own; then a tag query, and everything read back. */
export async function measureLogBatches(open: Open, job: Job): Promise<Measures> {
  const facts = makeCommits(job, job.warmUpCommits + job.commits).map((events) => events.map(toFact))
  const log = open(job)
  await log.ready
  let after = (await log.logHead()).marker
  const times: number[] = []
  const prepareTimes: number[] = []
  for (const [at, commit] of facts.entries()) {
    const start = performance.now()
    const failIfEventsMatch = { tags: { campaignId: campaignOf(at, 0) } }
    const appending = log.append(commit, { failIfEventsMatch, after })
    const prepared = performance.now()
    const { receipt } = unwrap(await appending)
    after = receipt.head
    if (at < job.warmUpCommits) continue
    times.push(performance.now() - start)
    prepareTimes.push(prepared - start)
  }
  const queryMs = await measureQuery(log, job, facts.length)
  await log.close()
  return {
    appendedPerSecond: perSecond(job.commits * job.eventsPerCommit, sum(times)),
    commitMs: median(times),
    prepareMs: median(prepareTimes),
    queryMs,
    ...(await measureReadBack(open, job, facts.length * job.eventsPerCommit)),
  }
}

/** A tag query for the events of one campaign, for a campaign of every commit. */
async function measureQuery(log: BenchLog, job: Job, commits: number): Promise<number> {
  const times: number[] = []
  const groups = Math.floor(job.eventsPerCommit / eventsPerCampaign)
  for (let at = 0; at < commits; at++) {
    const campaignId = campaignOf(at, at % groups)
    const start = performance.now()
    const { events } = await log.read({ query: { tags: { campaignId } } }).all()
    times.push(performance.now() - start)
    mustEqual(`events of campaign ${campaignId}`, events.length, eventsPerCampaign)
    mustEqual(
      'events of that campaign',
      events.filter(({ data }) => data.campaignId === campaignId).length,
      events.length,
    )
  }
  return median(times)
}

async function measureReadBack(open: Open, job: Job, expected: number): Promise<Measures> {
  const opening = performance.now()
  const log = open(job)
  await log.ready
  const reading = performance.now()
  const { events } = await log.read().all()
  const end = performance.now()
  await log.close()
  mustEqual('events read', events.length, expected)
  return { openMs: reading - opening, readPerSecond: perSecond(expected, end - reading) }
}

/** Appends of one event, each awaited. */
export async function measureLogSingles(open: Open, job: Job): Promise<Measures> {
  const count = job.warmUpSingles + job.singles
  const facts = makeCommits({ ...job, eventsPerCommit: 1 }, count).map((events) => events.map(toFact))
  const log = open(job)
  await log.ready
  const times: number[] = []
  const prepareTimes: number[] = []
  for (const [at, commit] of facts.entries()) {
    const start = performance.now()
    const appending = log.append(commit)
    const prepared = performance.now()
    unwrap(await appending)
    if (at < job.warmUpSingles) continue
    times.push(performance.now() - start)
    prepareTimes.push(prepared - start)
  }
  mustEqual('events in the log', (await log.logHead()).confirmed, count)
  await log.close()
  return { singleMs: median(times), singleMsP95: quantile(times, 0.95), prepareMs: median(prepareTimes) }
}

/** Many appends of one event under way at once, each with its own outcome, in turn with one append of as many events. */
export async function measureLogConcurrent(open: Open, job: Job): Promise<Measures> {
  const { concurrent, concurrentTimes } = job
  const groups = makeCommits({ ...job, eventsPerCommit: concurrent }, concurrentTimes + 1).map((events) =>
    events.map(toFact),
  )
  const log = open(job)
  await log.ready
  const appendAll = async (facts: Facts): Promise<{ readonly blockedMs: number; readonly ms: number }> => {
    const start = performance.now()
    const appending = facts.map((fact) => log.append([fact]))
    const blockedMs = performance.now() - start
    for (const outcome of await Promise.all(appending)) unwrap(outcome)
    return { blockedMs, ms: performance.now() - start }
  }
  const appendOne = async (facts: Facts): Promise<number> => {
    const start = performance.now()
    unwrap(await log.append(facts))
    return performance.now() - start
  }
  const oneTimes: number[] = []
  const all: { readonly blockedMs: number; readonly ms: number }[] = []
  for (const facts of groups) {
    oneTimes.push(await appendOne(facts))
    all.push(await appendAll(facts))
  }
  const pauseMs = await longestPause(() => appendAll(groups[0]!))
  mustEqual('events in the log', (await log.logHead()).confirmed, (2 * groups.length + 1) * concurrent)
  // The first ones warmed up.
  const warm = all.slice(1)
  await log.close()
  return {
    appendedPerSecond: perSecond(concurrent, median(warm.map(({ ms }) => ms))),
    blockedMs: median(warm.map(({ blockedMs }) => blockedMs)),
    pauseMs,
    oneAppendPerSecond: perSecond(concurrent, median(oneTimes.slice(1))),
  }
}

type Facts = readonly ReturnType<typeof toFact>[]

/** The longest time in which the page got no turn: it asks for one after another while something is done. */
async function longestPause(use: () => Promise<unknown>): Promise<number> {
  const { port1, port2 } = new MessageChannel()
  let [last, longest] = [performance.now(), 0]
  port1.onmessage = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    port2.postMessage(0)
  }
  port2.postMessage(0)
  await use()
  port1.close()
  return longest
}
