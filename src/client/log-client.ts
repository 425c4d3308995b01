import { definitionsOf, type EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import { createCell } from '../core/observable.ts'
import type { Clock, OpenChannel, Random } from '../core/ports.ts'
import { type AnyReadOptions, databaseName, type StorageStatus } from '../protocol/worker.ts'
import { type AppendArguments, createAppend } from './appends.ts'
import { createConnection, type Session } from './connection.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createFeed } from './feed.ts'
import { readLog } from './reads.ts'
import { createSyncControl } from './sync-control.ts'
import type { Log, OpenOptions } from './types.ts'
import { createViews } from './views.ts'
import { whenConfirmed } from './when-confirmed.ts'

export interface ClientPorts {
  readonly credentials?: OpenOptions['credentials'] | undefined
  readonly clock: Clock
  readonly random: Random
  readonly openChannel: OpenChannel
  /** Starts a worker that opens the log; called again when it died. */
  readonly start: () => Promise<Session>
}

/** The page's half of a log, over its ports. */
export function createLogClient<M extends EventMap>(model: Model<M>, key: string, ports: ClientPorts): Log<M> {
  const { name } = model
  const definitions = definitionsOf(model.events)
  const storage = createCell<StorageStatus>({ state: 'opening', durable: false })
  const feed = createFeed(ports.openChannel, databaseName(name, key))
  const connection = createConnection(async () => {
    const session = await ports.start()
    storage.set(session.opened.storage)
    feed.opened(session.opened)
    return session
  })
  const { call } = connection
  const views = createViews(call, feed, ports.clock)
  const append = createAppend(call, definitions, ports)
  const ready = connection.ready()
  ready.catch((error: unknown) => storage.set({ state: 'lost', durable: false, problem: `${error}` }))
  const log = {
    name,
    ready,
    storage,
    sync: createSyncControl(call, feed, ports.credentials),
    deadLetters: createDeadLetters<M>(call, feed, definitions),
    append: async (...args: AppendArguments) => {
      const outcome = await append(args)
      const { state, durable } = storage.get()
      const refused = outcome.ok ? undefined : outcome.reason.type
      if (refused === 'UpdateNeeded') storage.set({ state: 'needs-newer-app', durable })
      else if (refused === 'StorageFull') storage.set({ state: 'full', durable })
      else if (outcome.ok && state === 'full') storage.set({ state: 'ok', durable })
      return outcome
    },
    read: (options: AnyReadOptions = {}) => readLog(call, definitions, options),
    view: views.open,
    logHead: async () => {
      const { head, pending } = await call((api) => api.heads([]))
      return { marker: head, confirmed: head.confirmed, pending }
    },
    streamHead: async (stream: string) => {
      const { streams } = await call((api) => api.heads([stream]))
      return streams[0]
    },
    whenConfirmed: (receipt: { readonly commitId: string }, options?: { readonly signal?: AbortSignal }) =>
      whenConfirmed(call, feed, definitions, receipt.commitId, options?.signal),
    close: async () => {
      views.close()
      await connection.close()
      feed.close()
      storage.set({ state: 'closed', durable: storage.get().durable })
    },
  }
  // Events are plain here and of the model's types there: `decodeEvent` makes that true, nothing can prove it.
  return log as unknown as Log<M>
}
