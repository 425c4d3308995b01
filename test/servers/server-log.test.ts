// The log API over PostgreSQL: processes that share one database decide on one log, and each effect is there once.
import { defineLog, unwrap } from 'tidelog'
import { defineReactor } from 'tidelog/automation'
import { openServerLog } from 'tidelog/server/log'
import { listFailures, subscribe } from 'tidelog/subscribe'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { keptLogName } from '../../server/log/kept-log.ts'
import { events, office, placed, seats, takeSeat } from '../../server/log/office.fixture.ts'
import { postgresStore } from '../../server/postgres.ts'
import { bundle, type Running, run } from '../../server/process.fixture.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { wide } from './stores.ts'

let cluster: Cluster
let file = ''
let url = ''
let nth = 0
const closing: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  cluster = await startCluster()
  file = await bundle('log/clerk.fixture.ts')
})
beforeEach(async () => {
  url = await cluster.createDatabase(`server_log_${nth++}`)
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(() => cluster?.remove())

/** Longer than any test: what is heard here is heard by a notice. */
const pollMs = 3_600_000
const open = (model = office) => {
  const store = postgresStore({ connectionString: url, pollMs })
  const log = openServerLog(model, { store })
  closing.unshift(() => log.close().then(() => store.close()))
  return { log, store }
}

test('what one process appends is followed by another one, and races are decided again', async () => {
  const [one, other] = [open(), open()]
  const seen: number[] = []
  subscribe(other.log, { query: { types: ['Placed'] } }, ({ data }) => void seen.push(data.amount))
  for (let amount = 1; amount <= 20; amount++) unwrap(await one.log.append([placed('a', amount)]))
  await vi.waitFor(() => expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => at + 1)), 10_000)
  const logs = [one, other, open(), open()]
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, by) => logs[by % 4]?.log.execute(takeSeat, { hall: 'h', by: `${by}` })),
  )
  expect(outcomes.filter((outcome) => outcome?.ok)).toHaveLength(seats)
  const both = await Promise.all(logs.map(({ log }) => log.append([placed('b')], { expectedVersion: 0 })))
  expect(both.filter(({ ok }) => ok)).toHaveLength(1)
})

test('a reactor of two processes parks what fails for both, and what it keeps is written anew now and then', async () => {
  const shaky = defineReactor(events, {
    name: 'letters',
    on: 'server',
    query: { types: ['Placed'] },
    retry: 0,
    react: ({ data: { order } }) => {
      if (order === '1') throw new Error('no paper')
      return [events.Letter({ order })]
    },
  })
  const model = defineLog({ ...office, automations: [shaky] })
  const [one, other] = [open(model), open(model)]
  for (const order of ['0', '1', '2']) unwrap(await one.log.append([placed(order)]))
  await vi.waitFor(async () => {
    const { events: found } = await other.log.read({ query: { types: ['Letter'] } }).all()
    expect(found.map(({ data }) => data.order)).toEqual(['0', '2'])
  }, 10_000)
  await vi.waitFor(async () => expect(await listFailures(other.log)).toMatchObject([{ stream: 'order-1' }]), 10_000)
  const each = subscribe(other.log, { name: 'each', checkpoint: { events: 1 } }, async (_, { state }) => {
    state.set('words', 'x'.repeat(500))
  })
  unwrap(await one.log.append(Array.from({ length: 300 }, (_, amount) => placed('many', amount + 1))))
  const { confirmed } = await one.log.logHead()
  await vi.waitFor(() => expect(each.status.get().checkpoint).toBeGreaterThanOrEqual(confirmed), 30_000)
  const { commits } = await one.store.range(keptLogName('office'), 0, wide)
  expect(commits.filter(({ text }) => text.includes('"isErased":true')).length).toBeGreaterThan(200)
  expect(await listFailures(one.log)).toMatchObject([{ stream: 'order-1' }])
})

test('processes that die at their writes skip no event, and append each effect once', async () => {
  const { log, store } = open()
  const orders = Array.from({ length: 30 }, (_, at) => `${at}`)
  unwrap(await log.append(orders.map((order) => placed(order))))
  const started: Running[] = []
  const said = async (...args: readonly string[]): Promise<readonly string[]> => {
    const running = run(file, [url, `${orders.length}`, ...args])
    started.push(running)
    const lines: string[] = []
    for (let line = await running.line(); line !== undefined; line = await running.line()) lines.push(line)
    return lines
  }
  closing.unshift(async () => {
    for (const { child } of started) child.kill('SIGKILL')
  })
  const lines: string[] = []
  for (const dieAt of ['2', '4', '9', '15']) {
    const both = await Promise.all([said(dieAt, 'behind'), said(`${Number(dieAt) + 2}`, 'before')])
    lines.push(...both.flat())
  }
  const rest = await Promise.all([said(), said()])
  expect(rest.map((all) => all.at(-1))).toEqual(['done', 'done'])
  lines.push(...rest.flat())
  const { commits } = await store.range('office', 0, wide)
  const stored = commits.flatMap(({ text }): { type: string; data: { order: string } }[] => JSON.parse(text).events)
  for (const type of ['Letter', 'Published']) {
    const found = stored.filter((event) => event.type === type).map(({ data }) => data.order)
    expect([...found].sort()).toEqual([...orders].sort())
  }
  for (const order of orders) for (const what of ['asked', 'published']) expect(lines).toContain(`${what} ${order}`)
})
