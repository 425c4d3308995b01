import { openDB } from 'idb'
import { openLog, unwrap } from 'tidelog'
import { channelName } from '../../src/protocol/notice.ts'
import { checkpointChain } from '../../src/protocol/rows.ts'
import { databaseName } from '../../src/protocol/worker.ts'
import { workerMegabytes } from './heap.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { largeCommits, lookupsOf, makeNewEvent, quantityOf } from './large-corpus.ts'
import { model, toFact } from './model.ts'
import type { BenchLog } from './run-log.ts'
import { median, perSecond, quantile, sum } from './statistics.ts'

/** How often a round opens the log. */
const openings = 3
/** So few events need not be sealed. */
const unsealedMax = 2_000

/** Fills a log and waits until it is sealed. What is done while a log is opened is done as well. */
export async function fillLog(job: Job): Promise<Measures> {
  const log = openLog(model)
  await log.ready
  const times: number[] = []
  for (const events of largeCommits(job)) {
    const facts = events.map(toFact)
    const start = performance.now()
    unwrap(await log.append(facts))
    times.push(performance.now() - start)
  }
  await sealed(job.largeEvents - unsealedMax)
  await log.close()
  const again = openLog(model)
  await again.ready
  await again.close()
  return {
    appendedPerSecond: perSecond(job.largeEvents, sum(times)),
    commitMs: median(times),
    commitMsP95: quantile(times, 0.95),
  }
}

/** Opens the log, each time by a worker that has started: until its head is known, and until an append is kept. */
export async function measureOpen(job: Job): Promise<Measures> {
  const { log, ...measures } = await openAgain(job)
  await log.close()
  return measures
}

/** The same, and then looks for streams and campaigns, and reads everything. */
export async function measureLarge(job: Job): Promise<Measures> {
  const { log, ...measures } = await openAgain(job)
  const openMegabytes = await workerMegabytes()
  const { streams, campaigns } = lookupsOf(job)
  const streamTimes: number[] = []
  for (const { name, events } of streams)
    streamTimes.push(await timeOf(`events of ${name}`, events, () => log.read({ stream: name }).all()))
  const queryTimes: number[] = []
  for (const campaignId of campaigns) {
    const what = `events of campaign ${campaignId}`
    queryTimes.push(await timeOf(what, 10, () => log.read({ query: { tags: { campaignId } } }).all()))
  }
  const { confirmed } = await log.logHead()
  let [count, quantity] = [0, 0]
  const start = performance.now()
  for await (const { data } of log.read()) {
    count++
    quantity += data.quantity
  }
  const scanned = performance.now()
  mustEqual('events read', count, confirmed)
  mustEqual('their quantity', quantity, quantityOf(job))
  const scannedMegabytes = await workerMegabytes()
  await log.close()
  return {
    ...measures,
    openMegabytes,
    streamMs: median(streamTimes),
    queryMs: median(queryTimes),
    scanPerSecond: perSecond(count, scanned - start),
    scannedMegabytes,
  }
}

/** How long a read took that has to give so many events. */
export async function timeOf(
  what: string,
  expected: number,
  read: () => Promise<{ readonly events: readonly unknown[] }>,
): Promise<number> {
  const start = performance.now()
  const { events } = await read()
  const ms = performance.now() - start
  mustEqual(what, events.length, expected)
  return ms
}

/** Opens a log some times; the last time it stays open. */
async function openAgain(
  job: Job,
): Promise<{ readonly log: BenchLog; readonly headMs: number; readonly firstAppendMs: number }> {
  const headTimes: number[] = []
  const appendTimes: number[] = []
  const fact = toFact(makeNewEvent(job))
  for (let nth = 1; ; nth++) {
    const worker = await startWorker()
    const start = performance.now()
    const log = openLog(model, { worker: () => worker })
    const { confirmed } = await log.logHead()
    headTimes.push(performance.now() - start)
    mustEqual('a log that is filled', confirmed >= job.largeEvents, true)
    unwrap(await log.append([fact]))
    appendTimes.push(performance.now() - start)
    if (nth === openings) return { log, headMs: median(headTimes), firstAppendMs: median(appendTimes) }
    await log.close()
  }
}

/** The package's own worker, its code loaded. */
export const startWorker = (): Promise<Worker> =>
  started(new Worker(new URL('./started-worker.ts', import.meta.url), { type: 'module' }))

/** A worker whose code is loaded, which says so. */
export const started = (worker: Worker): Promise<Worker> =>
  new Promise((resolve, reject) => {
    worker.addEventListener('message', () => resolve(worker), { once: true })
    worker.addEventListener('error', () => reject(new Error('the worker does not start')), { once: true })
  })

/** Waits until everything up to a position is sealed. */
export async function sealed(position: number): Promise<void> {
  const name = databaseName(model.name, '')
  const db = await openDB(name)
  const isThere = async (): Promise<boolean> => {
    const row: { readonly checkpoint: string } | undefined = await db.get('state', [checkpointChain, 0])
    const segments: readonly { readonly last: number }[] = row === undefined ? [] : JSON.parse(row.checkpoint).segments
    return (segments.at(-1)?.last ?? 0) >= position
  }
  const channel = new BroadcastChannel(channelName(name))
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      isThere().then((is) => is && resolve(), reject)
    }
    channel.onmessage = look
    look()
  })
  channel.close()
  db.close()
}
