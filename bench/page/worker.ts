import { expose } from 'comlink'
import { measureDexieRows, measureRawRows } from './cart-rows.ts'
import { createDexieWriter } from './dexie-writer.ts'
import type { Job, Measures } from './job.ts'
import { fillDexie, fillRows, readStreams, scanCommits, scanDexie } from './large-rows.ts'
import { createRawWriter } from './raw-writers.ts'
import { measureBatches, measureSingles } from './run-writer.ts'

const contenders = {
  rawCommit: (job: Job) => measureBatches(createRawWriter('commit', job), job),
  rawCommitAndHeads: (job: Job) => measureBatches(createRawWriter('commit-heads', job), job),
  rawCommitAndNames: (job: Job) => measureBatches(createRawWriter('commit-names', job), job),
  rawEvent: (job: Job) => measureBatches(createRawWriter('event', job), job),
  dexie: (job: Job) => measureBatches(createDexieWriter('plain'), job),
  dexieTags: (job: Job) => measureBatches(createDexieWriter('tags'), job),
  rawSingle: (job: Job) => measureSingles(createRawWriter('commit', job), job),
  dexieSingle: (job: Job) => measureSingles(createDexieWriter('plain'), job),
  fillLargeCommit: (job: Job) => fillRows('commit', job),
  fillLargeIndex: (job: Job) => fillRows('index', job),
  fillLargeEvent: (job: Job) => fillRows('event', job),
  fillLargeDexie: (job: Job) => fillDexie(job),
  largeCommit: (job: Job) => scanCommits(job),
  largeIndex: (job: Job) => readStreams(job),
  largeDexie: (job: Job) => scanDexie(job),
  rawRows: measureRawRows,
  dexieRows: measureDexieRows,
} as const satisfies Record<string, (job: Job) => Promise<Measures>>

export type WorkerContender = keyof typeof contenders
/** What the page asks of the worker. */
export interface BenchWorker {
  run(name: WorkerContender, job: Job): Promise<Measures>
}

expose({ run: (name, job) => contenders[name](job) } satisfies BenchWorker)
