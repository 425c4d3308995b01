import type { AnyDecider } from '../core/decider.ts'
import { definitionsOf, type EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import { createCell } from '../core/observable.ts'
import type { Clock, Locks, OpenChannel, Random } from '../core/ports.ts'
import type { AnyReadOptions, AppendAnswer, Said, StorageStatus } from '../protocol/worker.ts'
import { createWrites } from './appends.ts'
import { createConnection, type Session } from './connection.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createFeed } from './feed.ts'
import { inside } from './inside.ts'
import { readLog } from './reads.ts'
import { startOn } from './start.ts'
import { createSyncControl } from './sync-control.ts'
import { tellLife } from './tell-life.ts'
import type { Log, OpenOptions } from './types.ts'
import { createViews } from './views.ts'
import { type Asked, whenConfirmed } from './when-confirmed.ts'

export interface ClientPorts {
  readonly credentials?: OpenOptions['credentials'] | undefined
  readonly clock: Clock
  readonly random: Random
  readonly locks?: Locks
  readonly openChannel: OpenChannel
  /** Starts a worker that opens the log and tells of its storage; called again when it died. */
  readonly start: (hear: (said: Said) => void) => Promise<Session>
}

/** The page's half of a log, over its ports. */
export function createLogClient<M extends EventMap, Ds extends readonly AnyDecider[]>(
  model: Model<M, Ds>,
  /** Names the log's database, and what tabs have in common. */
  database: string,
  ports: ClientPorts,
): Log<M, Ds[number]> {
  const { name, readModels } = model
  const definitions = definitionsOf(model.events)
  const storage = createCell<StorageStatus>({ state: 'opening', durable: false })
  const feed = createFeed(ports.openChannel, database)
  const opened = (session: Session['opened']): void => {
    feed.opened(session)
    // A new worker knows nothing of its page.
    life.again()
  }
  const connection = createConnection(startOn(ports.start, storage, opened), ports.clock)
  const { call } = connection
  feed.onEnd = (state) => mark(state)
  const views = createViews(call, feed, ports.clock)
  const mark = (state: StorageStatus['state']): void => {
    const status = storage.get()
    if (status.state !== state) storage.set({ state, durable: status.durable })
  }
  /** What an answer says of the storage, and of what is pending. */
  const note = (answer: AppendAnswer): void => {
    if (answer.ok) {
      if (storage.get().state === 'full') mark('ok')
      // Its notice may come later than its answer, and until then the log would pass for synced.
      if (!answer.first && answer.head.revision > feed.revision) {
        feed.pending++
        feed.onCounts()
      }
    } else if (answer.reason.type === 'StorageFull') mark('full')
    else if (answer.reason.type === 'UpdateNeeded' && !('eventType' in answer.reason)) mark('needs-newer-app')
  }
  const writes = createWrites(call, definitions, model.deciders, ports, note)
  const life = tellLife(call)
  const ready = call(async () => {})
  ready.catch(() => {})
  const log = {
    [inside]: { call, feed, definitions, database, ports, readModels },
    name,
    ready,
    storage,
    sync: createSyncControl(call, feed, ports.credentials),
    deadLetters: createDeadLetters(call, feed, definitions),
    ...writes,
    withdraw: ({ commitId }: { readonly commitId: string }) => call((api) => api.withdraw(commitId)),
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
    whenConfirmed: (...asked: Asked) => whenConfirmed(call, feed, definitions, ...asked),
    close: async () => {
      life.stop()
      views.close()
      await connection.close()
      feed.close()
      mark('closed')
    },
  }
  // Events are plain here and of the model's types there: `decodeEvent` makes that true, nothing can prove it.
  return log as unknown as Log<M, Ds[number]>
}
