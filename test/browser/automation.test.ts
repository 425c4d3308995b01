// Reactors and tasks in workers of their own: what becomes of them when tabs come, close, die and are frozen.
import { type LogOf, openLog, unwrap } from 'tidelog'
import { tasksOf } from 'tidelog/automation'
import { subscribe } from 'tidelog/subscribe'
import { afterEach, expect, test } from 'vitest'
import { events, market } from '../consumers/market.ts'
import { newKey } from './notes.ts'

const model = market({ on: 'origin' })
type MarketLog = LogOf<typeof model>

const open: MarketLog[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})

function openMarket(key: string) {
  const name = `market/${crypto.randomUUID()}`
  const said: string[] = []
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }) => said.push(data)
  const workers: Worker[] = []
  const log = openLog(model, {
    key,
    worker: () => {
      const worker = new Worker(new URL('./workers/market.ts', import.meta.url), { type: 'module', name })
      workers.push(worker)
      return worker
    },
  })
  open.push(log)
  return { log, said, kill: () => workers.at(-1)?.terminate() }
}

/** Resolves when so many events of a type have come. */
const come = (log: MarketLog, type: 'PriceNoted' | 'CartPublished', count: number): Promise<void> =>
  new Promise((resolve) => {
    let seen = 0
    const following = subscribe(log, { query: { types: [type] } }, () => {
      if (++seen === count) void following.stop().then(() => resolve())
    })
  })
const countOf = async (log: MarketLog, type: 'PriceNoted' | 'CartPublished') =>
  (await log.read({ query: { types: [type] } }).all()).events.length

test('CART-9 what follows from an event is appended once, whichever of the tabs runs the reactor', async () => {
  const key = newKey()
  const [one, two, three] = [openMarket(key), openMarket(key), openMarket(key)]
  await Promise.all([one, two, three].map(({ log }) => log.ready))
  for (let nth = 0; nth < 30; nth++) {
    const { log } = nth % 2 === 0 ? two : three
    unwrap(await log.append([events.PriceChanged({ productId: `p${nth}`, price: nth })]))
    // The tab that runs them goes, in the middle of it.
    if (nth === 10) await one.log.close()
    if (nth === 20) two.kill()
  }
  await come(three.log, 'PriceNoted', 30)
  const noted = (await three.log.read({ query: { types: ['PriceNoted'] } }).all()).events
  expect(noted.map(({ data }) => data.productId)).toEqual(Array.from({ length: 30 }, (_, nth) => `p${nth}`))
})

test('CART-10 a task of a worker that died is taken over, and done once', async () => {
  const key = newKey()
  const dying = openMarket(key)
  await dying.log.ready
  unwrap(await dying.log.append([events.CartSubmitted({ cartId: 'hangs' })]))
  const tasks = tasksOf(dying.log)
  await expect.poll(() => tasks.get(), { timeout: 10_000 }).toMatchObject([{ status: 'running', attempts: 1 }])
  tasks.close()
  const other = openMarket(key)
  await other.log.ready
  dying.kill()
  await come(other.log, 'CartPublished', 1)
  expect(await tasksOf(other.log).list()).toMatchObject([{ status: 'done', attempts: 2 }])
  expect(dying.said).toContain('hangs 1')
  expect(await countOf(other.log, 'CartPublished')).toBe(1)
})

test('a page that is suspended lets go of its reactors, and another tab goes on at once', async () => {
  const key = newKey()
  const first = openMarket(key)
  unwrap(await first.log.append([events.PriceChanged({ productId: 'p1', price: 1 })]))
  await come(first.log, 'PriceNoted', 1)
  const lock = `tidelog/market/%3A${key}/consumer/reactor/note`
  const holders = async () => (await navigator.locks.query()).held?.filter(({ name }) => name === lock).length
  expect(await holders()).toBe(1)
  dispatchEvent(new Event('freeze'))
  await expect.poll(holders).toBe(0)
  dispatchEvent(new Event('resume'))
  await expect.poll(holders).toBe(1)
  unwrap(await first.log.append([events.PriceChanged({ productId: 'p2', price: 2 })]))
  await come(first.log, 'PriceNoted', 2)
})
