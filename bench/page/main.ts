// The page that is measured. The command calls `bench.run` here, each time in a new page of a new origin.
import { wrap } from 'comlink'
import { openLog } from 'tidelog'
import { makeCommits } from './corpus.ts'
import type { Contender, Job, Measures } from './job.ts'
import { fillLog, measureLarge, measureOpen } from './large-log.ts'
import { model } from './model.ts'
import { fillModel, measureModel, measureRowsInPage, measureRowsInWorker } from './model-log.ts'
import { measureLogBatches, measureLogConcurrent, measureLogSingles, type Open } from './run-log.ts'
import { measureSubscribe } from './run-subscribe.ts'
import { measurePull, measurePush, measureTail } from './run-sync.ts'
import type { RxdbBenchWorker, RxdbContender } from './rxdb-worker.ts'
import { fillServerLog, serverLogSealed } from './server-log.ts'
import { measureSplit } from './split.ts'
import type { BenchWorker, WorkerContender } from './worker.ts'

declare global {
  interface Window {
    bench: {
      run(name: string, job: Job): Promise<Measures>
      /** Fills a log at the server with so many events. */
      fillServerLog(name: string, events: number, job: Job): Promise<void>
      serverLogSealed(name: string, events: number): Promise<void>
      eventCharacters(job: Job): number
    }
  }
}

const open: Open = ({ durability }) => openLog(model, { durability })

const inWorker =
  (name: WorkerContender): Contender =>
  (job) =>
    wrap<BenchWorker>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })).run(name, job)

const inRxdbWorker =
  (name: RxdbContender): Contender =>
  (job) =>
    wrap<RxdbBenchWorker>(new Worker(new URL('./rxdb-worker.ts', import.meta.url), { type: 'module' })).run(name, job)

const contenders: Readonly<Record<string, Contender>> = {
  log: (job) => measureLogBatches(open, job),
  logSplit: (job) => measureSplit((timed) => measureLogBatches(timed, job), 'commitMs', job.commits),
  rawCommit: inWorker('rawCommit'),
  rawCommitAndHeads: inWorker('rawCommitAndHeads'),
  rawCommitAndNames: inWorker('rawCommitAndNames'),
  rawEvent: inWorker('rawEvent'),
  dexie: inWorker('dexie'),
  dexieTags: inWorker('dexieTags'),
  rxdb: inRxdbWorker('rxdb'),
  logSingle: (job) => measureLogSingles(open, job),
  logSingleSplit: (job) => measureSplit((timed) => measureLogSingles(timed, job), 'singleMs', job.singles),
  rawSingle: inWorker('rawSingle'),
  dexieSingle: inWorker('dexieSingle'),
  rxdbSingle: inRxdbWorker('rxdbSingle'),
  subscribe: (job) => measureSubscribe(open, job),
  logConcurrent: (job) => measureLogConcurrent(open, job),
  push: measurePush,
  pull: (job) => measurePull('pulled', job.pulledEvents),
  firstSync: (job) => measurePull('first', job.firstSyncEvents),
  tail: (job) => measureTail(job, job.tailCommits),
  noTail: (job) => measureTail(job, 0),
  fillLarge: fillLog,
  fillLargeCommit: inWorker('fillLargeCommit'),
  fillLargeIndex: inWorker('fillLargeIndex'),
  fillLargeEvent: inWorker('fillLargeEvent'),
  fillLargeDexie: inWorker('fillLargeDexie'),
  large: measureLarge,
  largeOpen: measureOpen,
  largeCommit: inWorker('largeCommit'),
  largeIndex: inWorker('largeIndex'),
  largeDexie: inWorker('largeDexie'),
  fillModel,
  model: measureModel,
  rowsInPage: measureRowsInPage,
  rowsInWorker: measureRowsInWorker,
  rawRows: inWorker('rawRows'),
  dexieRows: inWorker('dexieRows'),
}

window.bench = {
  run: (name, job) => {
    const contender = contenders[name]
    if (contender === undefined) throw new Error(`no contender ${name}`)
    return contender(job)
  },
  fillServerLog,
  serverLogSealed,
  eventCharacters: (job) => Math.round(JSON.stringify(makeCommits(job, 1)[0]).length / job.eventsPerCommit),
}
