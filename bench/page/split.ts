import { openLog } from 'tidelog'
import type { Measures } from './job.ts'
import { model } from './model.ts'
import type { Open } from './run-log.ts'
import { median } from './statistics.ts'
import type { Times } from './timed-worker.ts'

/**
 * Where the time of an append goes: making the commit in the page, crossing both ways, the worker's own work, the
 * transaction. `total` names the measure that is split, taken over the last `count` appends of the log opened first.
 */
export async function measureSplit(
  measure: (open: Open) => Promise<Measures>,
  total: 'commitMs' | 'singleMs',
  count: number,
): Promise<Measures> {
  const taken: Times[] = []
  const open: Open = () =>
    openLog(model, {
      worker: () => {
        const worker = new Worker(new URL('./timed-worker.ts', import.meta.url), { type: 'module' })
        worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          if (isTimes(data)) taken.push(data)
        })
        return worker
      },
    })
  const measures = await measure(open)
  const [times] = taken
  if (times === undefined) throw new Error('the worker sent no times')
  const inWorker = median(times.appends.slice(-count))
  const transactionMs = median(times.transactions.slice(-count))
  const prepareMs = measures.prepareMs ?? 0
  return {
    ...measures,
    transactionMs,
    workerMs: inWorker - transactionMs,
    crossingMs: (measures[total] ?? 0) - prepareMs - inWorker,
  }
}

const isTimes = (data: unknown): data is Times => typeof data === 'object' && data !== null && 'transactions' in data
