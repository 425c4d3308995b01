// The page that is measured. The command calls `bench.run` here, each time in a new page of a new origin.
import { wrap } from 'comlink'
import { openLog } from 'tidelog'
import { makeCommits } from './corpus.ts'
import type { Contender, Job, Measures } from './job.ts'
import { model } from './model.ts'
import { measureLarge } from './run-large.ts'
import { type BenchLog, measureLogBatches, measureLogConcurrent, measureLogSingles } from './run-log.ts'
import { measurePull, measurePush, measureTail } from './run-sync.ts'
import { measureSplit } from './split.ts'
import { fillPulledLog } from './synced-log.ts'
import type { BenchWorker, WorkerContender } from './worker.ts'

declare global {
  interface Window {
    bench: {
      run(name: string, job: Job): Promise<Measures>
      fillPulledLog(job: Job): Promise<void>
      eventCharacters(job: Job): number
    }
  }
}

const open = (): BenchLog => openLog(model)

const inWorker =
  (name: WorkerContender): Contender =>
  (job) =>
    wrap<BenchWorker>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })).run(name, job)

const contenders: Readonly<Record<string, Contender>> = {
  log: (job) => measureLogBatches(open, job),
  logSplit: (job) => measureSplit((timed) => measureLogBatches(timed, job), 'commitMs', job.commits),
  rawCommit: inWorker('rawCommit'),
  rawCommitAndHeads: inWorker('rawCommitAndHeads'),
  rawCommitAndNames: inWorker('rawCommitAndNames'),
  rawEvent: inWorker('rawEvent'),
  dexie: inWorker('dexie'),
  dexieTags: inWorker('dexieTags'),
  logSingle: (job) => measureLogSingles(open, job),
  logSingleSplit: (job) => measureSplit((timed) => measureLogSingles(timed, job), 'singleMs', job.singles),
  rawSingle: inWorker('rawSingle'),
  dexieSingle: inWorker('dexieSingle'),
  large: (job) => measureLarge(open, job),
  logConcurrent: (job) => measureLogConcurrent(open, job),
  push: measurePush,
  pull: measurePull,
  tail: (job) => measureTail(job, job.tailCommits),
  noTail: (job) => measureTail(job, 0),
}

window.bench = {
  run: (name, job) => {
    const contender = contenders[name]
    if (contender === undefined) throw new Error(`no contender ${name}`)
    return contender(job)
  },
  fillPulledLog,
  eventCharacters: (job) => Math.round(JSON.stringify(makeCommits(job, 1)[0]).length / job.eventsPerCommit),
}
