// RxDB has a worker of its own: it brings another version of Dexie, and two of them refuse to run beside each other.
import { expose } from 'comlink'
import type { Job, Measures } from './job.ts'
import { measureBatches, measureSingles } from './run-writer.ts'
import { createRxdbWriter } from './rxdb-writer.ts'

const contenders = {
  rxdb: (job: Job) => measureBatches(createRxdbWriter(job), job),
  rxdbSingle: (job: Job) => measureSingles(createRxdbWriter(job), job),
} as const satisfies Record<string, (job: Job) => Promise<Measures>>

export type RxdbContender = keyof typeof contenders
/** What the page asks of the worker. */
export interface RxdbBenchWorker {
  run(name: RxdbContender, job: Job): Promise<Measures>
}

expose({ run: (name, job) => contenders[name](job) } satisfies RxdbBenchWorker)
