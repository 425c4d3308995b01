import { makeCommits } from './corpus.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { median, perSecond, quantile, sum } from './statistics.ts'
import type { Writer } from './writer.ts'

const database = 'bench'

/** Appends the corpus, commit after commit, and reads it back after the database was opened again. */
export async function measureBatches(writer: Writer, job: Job): Promise<Measures> {
  const commits = makeCommits(job, job.warmUpCommits + job.commits)
  const write = writer.prepare(commits)
  await writer.open(database)
  const times: number[] = []
  for (let at = 0; at < commits.length; at++) {
    const start = performance.now()
    await write(at)
    if (at >= job.warmUpCommits) times.push(performance.now() - start)
  }
  await writer.close()
  const reopening = performance.now()
  await writer.open(database)
  const reading = performance.now()
  const found = await writer.readAll()
  const end = performance.now()
  await writer.close()
  mustEqual('events read', found, commits.length * job.eventsPerCommit)
  return {
    appendedPerSecond: perSecond(job.commits * job.eventsPerCommit, sum(times)),
    commitMs: median(times),
    openMs: reading - reopening,
    readPerSecond: perSecond(found, end - reading),
  }
}

/** Commits of one event, each awaited. */
export async function measureSingles(writer: Writer, job: Job): Promise<Measures> {
  const count = job.warmUpSingles + job.singles
  const write = writer.prepare(makeCommits({ ...job, eventsPerCommit: 1 }, count))
  await writer.open(database)
  const times: number[] = []
  for (let at = 0; at < count; at++) {
    const start = performance.now()
    await write(at)
    if (at >= job.warmUpSingles) times.push(performance.now() - start)
  }
  const found = await writer.readAll()
  await writer.close()
  mustEqual('events read', found, count)
  return { singleMs: median(times), singleMsP95: quantile(times, 0.95) }
}
