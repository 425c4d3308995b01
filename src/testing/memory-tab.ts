import { automationsOf } from '../../worker/automate.ts'
import { Host } from '../../worker/host.ts'
import { createLogClient } from '../client/log-client.ts'
import type { Log } from '../client/types.ts'
import type { AnyDecider } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import type { Clock, Fetch, Locks, OpenChannel, Random } from '../core/ports.ts'
import { createDeciders } from '../core/rulings.ts'
import { createDeciding } from '../log/deciding.ts'
import { databaseName, workerProtocol } from '../protocol/worker.ts'
import { type MemoryDatabase, openMemoryStore } from '../store/memory-store.ts'

/** What the tabs of one browser share. */
export interface MemoryBrowser {
  readonly clock: Clock
  readonly random: Random
  /** Of the workers, where it is not that of the pages: then no page's ids depend on how fast its worker was. */
  readonly hostRandom?: Random
  readonly locks: Locks
  readonly database: MemoryDatabase
  readonly openChannel: OpenChannel
}
/** The way to a server. */
export interface Online {
  readonly fetch: Fetch
  readonly urlOf: (log: string) => string
}

const offline: Fetch = async () => {
  throw new TypeError('there is no server')
}

/** Opens a log in one program: the code of the page and of its worker, without a Worker and without IndexedDB. */
export function openMemoryTab<M extends EventMap, Ds extends readonly AnyDecider[]>(
  model: Model<M, Ds>,
  { clock, random, hostRandom = random, locks, database, openChannel }: MemoryBrowser,
  online?: Online,
): Log<M, Ds[number]> {
  const store = () => openMemoryStore(database, { durable: true })
  const host = new Host(
    {
      clock,
      random: hostRandom,
      locks,
      openChannel,
      fetch: online?.fetch ?? offline,
      openStore: async () => store(),
      openFallback: store,
    },
    {
      deciding: createDeciding(createDeciders(model.deciders)),
      ...automationsOf(model),
      ...(online && { sync: ({ log }) => ({ url: online.urlOf(log) }) }),
    },
  )
  return createLogClient(model, databaseName(model.name), {
    clock,
    random,
    locks,
    openChannel,
    start: async () => {
      const opened = await host.open({
        protocol: workerProtocol,
        log: model.name,
        key: '',
        durability: 'relaxed',
        requireDurable: true,
        retentions: model.retentions,
        aliveLock: hostRandom.newId(),
      })
      if (!opened.ok) throw new Error(opened.reason.message)
      return { api: host, opened, end: () => {}, lost: new Promise(() => {}) }
    },
  })
}
