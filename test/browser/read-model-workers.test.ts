// Rows that are written by workers of their own, and by pages over the package's own worker: what becomes of them when they die.
import { openLog, unwrap } from 'tidelog'
import { openReadModel } from 'tidelog/read-model'
import { afterEach, expect, test } from 'vitest'
import { events, findPlainly, foldPlainly, type StockLog, shop, stock } from '../read-models/stock.ts'
import { newKey } from './notes.ts'

const served = { ...shop, readModels: [stock] }
const open: StockLog[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})

function openShop(key: string, { isServed }: { readonly isServed: boolean }) {
  const workers: Worker[] = []
  const start = () => {
    const worker = new Worker(new URL('./workers/stock.ts', import.meta.url), { type: 'module' })
    workers.push(worker)
    return worker
  }
  const log = isServed ? openLog(served, { key, worker: start }) : openLog(shop, { key })
  open.push(log)
  return { log, kill: () => workers.at(-1)?.terminate() }
}
const many = (from: number) =>
  Array.from({ length: 500 }, (_, at) => events.Counted({ productId: `p${(from + at) % 900}`, count: from + at }))
const append = async (log: StockLog, from: number) => unwrap(await log.append(many(from)))

async function mustBeRight(log: StockLog): Promise<void> {
  const rows = openReadModel(log, stock)
  const options = { index: 'count', order: 'descending' } as const
  expect((await rows.find(options)).rows).toEqual(findPlainly(await foldPlainly(log), options))
}
const isCurrent = (log: StockLog) =>
  expect.poll(() => openReadModel(log, stock).status.get().state, { timeout: 20_000 }).toBe('current')

test.each([true, false])(
  'CART-8 a query is right while tabs that write rows are closed and killed; a worker of the app writes them: %s',
  async (isServed) => {
    const key = newKey()
    const tabs = [0, 1, 2].map(() => openShop(key, { isServed }))
    const last = tabs[2]!
    for (const { log } of tabs) openReadModel(log, stock)
    for (let nth = 0; nth < 14; nth++) {
      await append(last.log, nth * 500)
      if (nth === 4) await tabs[0]!.log.close()
      if (nth === 8) tabs[1]!.kill()
      if (nth % 3 === 0) await mustBeRight(last.log)
    }
    await mustBeRight(last.log)
    await isCurrent(last.log)
    await mustBeRight(last.log)
  },
)

test('CART-11 a reset goes on in another tab when the worker that builds is killed, and ends with the same rows', async () => {
  const key = newKey()
  const [first, second] = [openShop(key, { isServed: true }), openShop(key, { isServed: true })]
  for (let nth = 0; nth < 14; nth++) await append(first.log, nth * 500)
  await isCurrent(first.log)
  const before = (await openReadModel(first.log, stock).find()).rows
  const reset = openReadModel(second.log, stock).reset()
  const { status } = openReadModel(second.log, stock)
  await expect.poll(() => status.get().state, { timeout: 10_000, interval: 1 }).toBe('building')
  first.kill()
  await mustBeRight(second.log)
  await reset
  expect((await openReadModel(second.log, stock).find()).rows).toEqual(before)
}, 60_000)

test('a page that is suspended lets another tab write the rows', async () => {
  const key = newKey()
  const { log } = openShop(key, { isServed: true })
  await append(log, 0)
  await isCurrent(log)
  const lock = /\/rows\/stock\//
  const holders = async () =>
    (await navigator.locks.query()).held?.filter(({ name = '' }) => name.includes(key) && lock.test(name)).length
  expect(await holders()).toBe(1)
  dispatchEvent(new Event('freeze'))
  await expect.poll(holders).toBe(0)
  await append(log, 500)
  await mustBeRight(log)
  dispatchEvent(new Event('resume'))
  await expect.poll(holders).toBe(1)
})
