import { openDB } from 'idb'
import { openLog, unwrap } from 'tidelog'
import { type OpenReadModel, openReadModel } from 'tidelog/read-model'
import { keptChain, rowsInChain, snapshotChain } from '../../src/protocol/rows.ts'
import { databaseName } from '../../src/protocol/worker.ts'
import { measureQueries } from './cart-queries.ts'
import {
  addToCart,
  type Cart,
  type CartsModel,
  cartsLog,
  cartsModel,
  cartsOf,
  inPage,
  inWorker,
  type Sold,
  soldView,
} from './carts.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { largeCommits, lookupsOf, makeNewEvent, quantityOf } from './large-corpus.ts'
import { sealed, started, startWorker, timeOf } from './large-log.ts'
import { model, toFact } from './model.ts'
import type { BenchLog } from './run-log.ts'
import { median, perSecond } from './statistics.ts'

const openings = 5
/** Commits that are appended at once while the log is filled, which is not measured. */
const filledAtOnce = 20
/** So many events may lie behind a snapshot, and need not be sealed. */
const behindSnapshot = 100
const unsealedMax = 2_000
const snapshotted = 'snapshotted'
const lookEveryMs = 50

/** Fills a log, seals it, has a view keep a snapshot of it, and appends some more. */
export async function fillModel(job: Job): Promise<Measures> {
  const log = openLog(model)
  await log.ready
  let appending: Promise<unknown>[] = []
  for (const events of largeCommits(job)) {
    appending.push(log.append(events.map(toFact)).then(unwrap))
    if (appending.length < filledAtOnce) continue
    await Promise.all(appending)
    appending = []
  }
  await Promise.all(appending)
  await sealed(job.largeEvents - unsealedMax)
  await log.view(soldView(snapshotted)).ready
  await rowsReach(snapshotChain, (count) => count > 0)
  unwrap(await log.append(Array.from({ length: behindSnapshot }, () => toFact(makeNewEvent(job)))))
  await log.close()
  return {}
}

/** The first value of a view with a snapshot, streams, and a view that folds everything. */
export async function measureModel(job: Job): Promise<Measures> {
  const firstValueTimes: number[] = []
  for (let nth = 0; nth < openings; nth++) {
    const worker = await startWorker()
    const start = performance.now()
    const log = openLog(model, { worker: () => worker })
    const sold = await log.view(soldView(snapshotted)).ready
    firstValueTimes.push(performance.now() - start)
    mustBeAll(sold, job)
    await log.close()
  }
  const worker = await startWorker()
  const log = openLog(model, { worker: () => worker })
  await log.ready
  const streamMs = await measureStreams(log, job)
  const start = performance.now()
  const sold = await log.view(soldView(`of round ${job.round}`)).ready
  const foldMs = performance.now() - start
  mustBeAll(sold, job)
  await log.close()
  return { firstValueMs: median(firstValueTimes), streamMs, foldPerSecond: perSecond(sold.events, foldMs) }
}

async function measureStreams(log: BenchLog, job: Job): Promise<number> {
  const times: number[] = []
  for (const { name, events } of lookupsOf(job).streams)
    times.push(await timeOf(`events of ${name}`, events, () => log.read({ stream: name }).all()))
  return median(times)
}

function mustBeAll({ events, quantity }: Sold, job: Job): void {
  mustEqual('events folded', events, job.largeEvents + behindSnapshot)
  mustEqual('their quantity', quantity, quantityOf(job))
}

/** Builds the rows of another version in the page, beside those of the round before; then asks for some. */
export const measureRowsInPage = (job: Job): Promise<Measures> =>
  measureBuild(job, inPage, (carts) => {
    const log = openLog(model)
    return { log, carts: openReadModel(log, carts) }
  })

/** The same where the worker writes the rows. */
export const measureRowsInWorker = async (job: Job): Promise<Measures> => {
  const worker = await started(
    new Worker(new URL('./carts-worker.ts', import.meta.url), { type: 'module', name: String(versionOf(job)) }),
  )
  return measureBuild(job, inWorker, (carts) => {
    const log = openLog(cartsLog(carts), { worker: () => worker })
    return { log, carts: openReadModel(log, carts) }
  })
}

const versionOf = ({ round }: Job): number => round + 1

async function measureBuild(
  job: Job,
  name: string,
  open: (carts: CartsModel) => { readonly log: BenchLog; readonly carts: OpenReadModel<Cart> },
): Promise<Measures> {
  const expected = [...cartsOf(job), newCart(job)]
  const start = performance.now()
  const { log, carts } = open(cartsModel(name, versionOf(job)))
  await isCurrent(carts)
  const ms = performance.now() - start
  mustEqual('rows', await carts.count(), expected.length)
  // Each row is in two indexes. The rows of the version before go in the background.
  await rowsReach(`${keptChain}${rowsInChain}${name}/`, (count) => count === 3 * expected.length)
  const queries = await measureQueries(
    {
      get: carts.get,
      ofCustomer: async (customerId) => rowsOf(await carts.find({ index: 'customer', equals: customerId })),
      from: async (total, limit) => rowsOf(await carts.find({ index: 'total', from: total, limit })),
      downFrom: async (total, limit) =>
        rowsOf(await carts.find({ index: 'total', to: total, order: 'descending', limit })),
      countFrom: (total) => carts.count({ index: 'total', from: total }),
    },
    expected,
    job,
  )
  await carts.close()
  await log.close()
  return {
    rowsPerSecond: perSecond(expected.length, ms),
    rebuiltPerSecond: perSecond(job.largeEvents + behindSnapshot, ms),
    ...queries,
  }
}

/** The row of the events behind the snapshot. */
function newCart(job: Job): Cart {
  const event = makeNewEvent(job)
  let cart = addToCart(undefined, event)
  while (cart.items < behindSnapshot) cart = addToCart(cart, event)
  return cart
}

const rowsOf = ({ rows }: { readonly rows: readonly { readonly row: Cart }[] }): readonly Cart[] =>
  rows.map(({ row }) => row)

const isCurrent = ({ status }: OpenReadModel<Cart>): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      const { state, problem } = status.get()
      if (state === 'parked') reject(new Error(problem?.message))
      if (state !== 'current') return
      stop()
      resolve()
    }
    const stop = status.subscribe(look)
    look()
  })

/** Waits until there are so many rows in chains that begin so. */
async function rowsReach(prefix: string, areThere: (count: number) => boolean): Promise<void> {
  const db = await openDB(databaseName(model.name, ''))
  const range = IDBKeyRange.bound([prefix, 0], [`${prefix}\uffff`, 0])
  while (!areThere(await db.count('state', range))) await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  db.close()
}
