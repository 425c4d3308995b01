// The whole way through the public entries, over a real JetStream cluster.
import { defineEvents, defineFor, defineLog, event, refuse, type, unwrap } from 'tidelog'
import { createSyncHandler } from 'tidelog/server'
import { openServerLog } from 'tidelog/server/log'
import { natsStore } from 'tidelog/server/nats'
import { subscribe } from 'tidelog/subscribe'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type NatsCluster, startNats } from './nats-cluster.ts'

interface Seat {
  readonly hall: string
  readonly by: string
}
const events = defineEvents({
  Taken: event(type<Seat>(), { stream: ({ hall }) => `hall-${hall}`, tags: ['hall'] }),
})
const define = defineFor(events)
const taken = define.projection<number, { hall: string }>({
  name: 'taken',
  version: 1,
  initial: 0,
  scope: ({ hall }) => ({ stream: `hall-${hall}` }),
  on: { Taken: (count) => count + 1 },
})
const seats = 3
const takeSeat = define.decider({
  name: 'take-seat',
  command: type<Seat>(),
  scope: ({ hall }) => ({ stream: `hall-${hall}` }),
  state: taken,
  decide: (seat, count) => (count < seats ? [events.Taken(seat)] : refuse('Full', {})),
})
const theatre = defineLog({ name: 'theatre', events, deciders: [takeSeat] })

let cluster: NatsCluster
beforeAll(async () => {
  cluster = await startNats()
})
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(() => cluster?.remove())

const open = () => {
  const store = natsStore({ servers: cluster.servers, streams: 2 })
  const log = openServerLog(theatre, { store })
  closing.unshift(() => log.close().then(() => store.close()))
  return { store, log }
}

test('AE-12 two processes decide on one log in a real JetStream cluster, follow each other, and an endpoint hands it on', async () => {
  const [one, other] = [open(), open()]
  const seen: string[] = []
  subscribe(other.log, { name: 'usher' }, ({ data }) => void seen.push(data.by))
  const outcomes = await Promise.all(
    [one, other, one, other, one].map(({ log }, nth) => log.execute(takeSeat, { hall: 'h', by: `${nth}` })),
  )
  expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(seats)
  const winners = outcomes.flatMap((outcome, nth) => (outcome.ok ? [`${nth}`] : []))
  unwrap(await one.log.append([events.Taken({ hall: 'i', by: 'director' })], { expectedVersion: 0 }))
  await vi.waitFor(() => expect([...seen].sort()).toEqual([...winners, 'director'].sort()), 30_000)
  const { events: read } = await other.log.read({ stream: 'hall-h' }).all()
  expect(read.map(({ version, data }) => [version, data.by])).toEqual(seen.slice(0, -1).map((by, at) => [at + 1, by]))
  const handler = createSyncHandler({ store: other.store })
  const nothing = 'position=0&digest=0000000000000000'
  const answer = await handler(
    new Request(`http://sync.test/sync/theatre/pull?${nothing}`, { headers: { 'tidelog-protocol': '1' } }),
  )
  expect(await answer.json()).toMatchObject({ status: 'page', head: 4 })
})
