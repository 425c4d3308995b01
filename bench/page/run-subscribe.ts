import { unwrap } from 'tidelog'
import { type SubscribeOptions, subscribe } from 'tidelog/subscribe'
import { makeCommits } from './corpus.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { type definitions, toFact } from './model.ts'
import type { BenchLog, Open } from './run-log.ts'
import { median, perSecond, quantile } from './statistics.ts'

const times = 3
/** Appends whose way to a handler in another tab is measured. */
const latencies = 500
/** Events for which every single checkpoint is kept. */
const checkpointed = 5_000

type Options = SubscribeOptions<typeof definitions, Record<never, never>, 'skip'> & { readonly batch?: undefined }

/** Everything by subscriptions, in turn with bare loops over everything; then the way of an append to a handler in another tab. */
export async function measureSubscribe(open: Open, job: Job): Promise<Measures> {
  const log = open(job)
  for (const commit of makeCommits(job, job.subscribedEvents / job.eventsPerCommit))
    unwrap(await log.append(commit.map(toFact)))
  const loops: number[] = []
  const plain: number[] = []
  const named: number[] = []
  for (let nth = 0; nth <= times; nth++) {
    loops.push(await timeLoop(log, job.subscribedEvents))
    plain.push(await timeSubscription(log, {}, job.subscribedEvents))
    named.push(await timeSubscription(log, { name: `n${nth}` }, job.subscribedEvents))
  }
  const from = job.subscribedEvents - checkpointed
  const each = await timeSubscription(log, { name: 'each', from, checkpoint: { events: 1 } }, checkpointed)
  const latency = await measureLatency(log, open(job))
  // The first ones warmed up.
  const rate = (all: readonly number[]): number => perSecond(job.subscribedEvents, median(all.slice(1)))
  return {
    loopPerSecond: rate(loops),
    subscribedPerSecond: rate(plain),
    namedPerSecond: rate(named),
    checkpointedPerSecond: perSecond(checkpointed, each),
    ...latency,
  }
}

async function timeLoop(log: BenchLog, expected: number): Promise<number> {
  const start = performance.now()
  let count = 0
  for await (const event of log.read()) if (event.position !== undefined) count++
  mustEqual('events read', count, expected)
  return performance.now() - start
}

async function timeSubscription(log: BenchLog, options: Options, expected: number): Promise<number> {
  const start = performance.now()
  let count = 0
  const { ended } = subscribe(log, { ...options, to: 'head' }, () => {
    count++
  })
  mustEqual('the end', (await ended).reason, 'head-reached')
  mustEqual('events handled', count, expected)
  return performance.now() - start
}

/** From the call of an append to the handler in another tab, which has a worker of its own. */
async function measureLatency(writer: BenchLog, reader: BenchLog): Promise<Measures> {
  await reader.ready
  const took: number[] = []
  let arrived = (): void => {}
  const subscription = subscribe(reader, { from: 'head' }, () => arrived())
  const facts = makeCommits({ eventsPerCommit: 1, streams: 10, seed: 7 } as Job, latencies).map((one) =>
    one.map(toFact),
  )
  for (const fact of facts) {
    const handled = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const start = performance.now()
    const appending = writer.append(fact)
    await handled
    took.push(performance.now() - start)
    unwrap(await appending)
  }
  await subscription.stop()
  await Promise.all([writer.close(), reader.close()])
  const warm = took.slice(100)
  return { latencyMs: median(warm), latencyMsP99: quantile(warm, 0.99) }
}
