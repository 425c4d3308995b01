import { openLog, unwrap } from 'tidelog'
import { type Job, type Measures, mustEqual } from './job.ts'
import { addItem, decidingModel, events, model, type toFact } from './model.ts'
import { median, perSecond, quantile } from './statistics.ts'
import type { Step } from './stepped-worker.ts'
import { inGroups, isSynced, ownLog, pause, singleFacts, syncReaches, syncUrlOf } from './synced-log.ts'

/** From `resume` to `synced`: commits of one event, appended while paused. */
export async function measurePush(job: Job): Promise<Measures> {
  const log = openLog(model, { sync: syncUrlOf(ownLog('push')) })
  await log.ready
  await pause(log)
  await inGroups(singleFacts(job, job.pushedCommits), async (fact) => unwrap(await log.append([fact])))
  mustEqual('commits pending', (await log.logHead()).pending, job.pushedCommits)
  const start = performance.now()
  log.sync.resume()
  await syncReaches(log, isSynced)
  const ms = performance.now() - start
  mustEqual('position at the server', log.sync.get().serverHead, job.pushedCommits)
  mustEqual('events confirmed', (await log.logHead()).confirmed, job.pushedCommits)
  await log.close()
  return { pushedPerSecond: perSecond(job.pushedCommits, ms) }
}

/** From `openLog` on a new device to `synced`: a log that is at the server. */
export async function measurePull(name: string, count: number): Promise<Measures> {
  const start = performance.now()
  const log = openLog(model, { sync: syncUrlOf(name) })
  await syncReaches(log, isSynced)
  const ms = performance.now() - start
  mustEqual('events confirmed', (await log.logHead()).confirmed, count)
  const { events: last } = await log.read({ direction: 'backwards', limit: 1 }).all()
  mustEqual('the quantity of the last event', last[0]?.data.quantity, count)
  await log.close()
  return { pulledPerSecond: perSecond(count, ms) }
}

/**
 * A device with some commits that no server has seen, each decided on a stream of its own, is paused while another device
 * adds to one of these streams. Taken in the worker, from the wish to resume to the end of the transaction in which the
 * foreign commit is in the log (without a tail), or the touched one is decided again (with one). No push leaves.
 */
export async function measureTail(job: Job, tailCommits: number): Promise<Measures> {
  const sync = syncUrlOf(ownLog('tail'))
  const worker = new Worker(new URL('./stepped-worker.ts', import.meta.url), { type: 'module' })
  const log = openLog(decidingModel, { worker: () => worker, sync })
  await syncReaches(log, isSynced)
  await pause(log)
  const items = singleFacts(job, Math.max(tailCommits, job.foreignCommits)).map(({ data }, at) => ({
    ...data,
    cartId: String(at),
  }))
  await inGroups(items.slice(0, tailCommits), async (item) => unwrap(await log.execute(addItem, item)))
  const foreign = openLog(model, { key: 'foreign', sync })
  const times: Record<Step['kind'], number[]> = { pull: [], rebase: [] }
  const last = tailCommits > 0 ? 'rebase' : 'pull'
  for (let at = 0; at < job.foreignCommits; at++) {
    const item = items[Math.floor((at * items.length) / job.foreignCommits)] as ItemAddedData
    const { receipt } = unwrap(await foreign.append([events.ItemAdded(item)]))
    mustEqual('the foreign commit', (await foreign.whenConfirmed(receipt)).status, 'confirmed')
    const stepping = stepsUntil(worker, last)
    log.sync.resume()
    for (const step of await stepping) {
      times[step.kind].push(step.ms)
      mustEqual(`events of the ${step.kind}`, step.events, 1)
    }
    await pause(log)
    const { confirmed, pending } = await log.logHead()
    mustEqual('events confirmed', confirmed, at + 1)
    mustEqual('commits pending', pending, tailCommits)
  }
  await Promise.all([log.close(), foreign.close()])
  const warm = (kind: Step['kind']): readonly number[] => times[kind].slice(job.warmUpForeignCommits)
  return { caughtUpMs: median(warm(last)), caughtUpMsP95: quantile(warm(last), 0.95), pulledMs: median(warm('pull')) }
}

type ItemAddedData = ReturnType<typeof toFact>['data']

/** The steps that the worker takes, through the first one of a kind. */
const stepsUntil = (worker: Worker, last: Step['kind']): Promise<readonly Step[]> =>
  new Promise((resolve) => {
    const steps: Step[] = []
    const hear = ({ data }: MessageEvent<unknown>): void => {
      if (!isStep(data)) return
      steps.push(data)
      if (data.kind !== last) return
      worker.removeEventListener('message', hear)
      resolve(steps)
    }
    worker.addEventListener('message', hear)
  })

const isStep = (data: unknown): data is Step => typeof data === 'object' && data !== null && 'kind' in data
