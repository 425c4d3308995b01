import { expose } from 'comlink'
import { createDexieWriter } from './dexie-writer.ts'
import type { Job, Measures } from './job.ts'
import { createRawWriter } from './raw-writers.ts'
import { measureBatches, measureSingles } from './run-writer.ts'

const contenders = {
  rawCommit: (job: Job) => measureBatches(createRawWriter('commit'), job),
  rawCommitAndHeads: (job: Job) => measureBatches(createRawWriter('commit-heads'), job),
  rawCommitAndNames: (job: Job) => measureBatches(createRawWriter('commit-names'), job),
  rawEvent: (job: Job) => measureBatches(createRawWriter('event'), job),
  dexie: (job: Job) => measureBatches(createDexieWriter('plain'), job),
  dexieTags: (job: Job) => measureBatches(createDexieWriter('tags'), job),
  rawSingle: (job: Job) => measureSingles(createRawWriter('commit'), job),
  dexieSingle: (job: Job) => measureSingles(createDexieWriter('plain'), job),
} as const satisfies Record<string, (job: Job) => Promise<Measures>>

export type WorkerContender = keyof typeof contenders
/** What the page asks of the worker. */
export interface BenchWorker {
  run(name: WorkerContender, job: Job): Promise<Measures>
}

expose({ run: (name, job) => contenders[name](job) } satisfies BenchWorker)
