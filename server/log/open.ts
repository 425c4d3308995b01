import { createLogClient } from '../../src/client/log-client.ts'
import type { Log } from '../../src/client/types.ts'
import type { AnyDecider } from '../../src/core/decider.ts'
import { mustBe, mustKnow } from '../../src/core/errors.ts'
import type { EventMap } from '../../src/core/event.ts'
import { isCount, isText } from '../../src/core/guard.ts'
import type { Model } from '../../src/core/model.ts'
import type { Clock, Random } from '../../src/core/ports.ts'
import { createDeciders } from '../../src/core/rulings.ts'
import { browserRandom } from '../../src/platform/browser.ts'
import { hubOf } from '../../src/subscribe/hub-of.ts'
import { toStoreLog } from '../admit.ts'
import { toContext } from '../context.ts'
import { type SyncHandlerOptions, type SyncLimits, systemClock } from '../options.ts'
import type { LogStore } from '../store.ts'
import { type Running, runAutomations } from './automations.ts'
import { createChannels } from './channels.ts'
import { KeptLog } from './kept-log.ts'
import { Leases } from './leases.ts'
import { LogIndex } from './log-index.ts'
import { LogWriter } from './log-writer.ts'
import { ServerApi } from './server-api.ts'

/** Options of {@link openServerLog}. */
export interface ServerLogOptions<M extends EventMap> {
  /** Where the log is; it is not closed with the log. */
  readonly store: LogStore
  /** Name of the log; that of the model by default. */
  readonly log?: string
  /** Whose log it is, where the sync handler has a `tenantOf`: the same text. */
  readonly tenant?: string
  /** Runs the reactors and tasks of the model that are `on: 'server'`, as it does by default. */
  readonly automations?: boolean
  /** Another process runs the consumers of one that was not heard of for so long; 30,000 by default. */
  readonly leaseMs?: number
  /** As that of the sync handler. */
  readonly validate?: SyncHandlerOptions<M>['validate']
  readonly limits?: Partial<SyncLimits>
  /** Hears of what goes wrong in the background. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

/** A log next to its data. All that is appended is confirmed at once. */
export interface ServerLog<M extends EventMap, Ds extends AnyDecider = AnyDecider>
  extends Log<M, Ds>,
    AsyncDisposable {}

/**
 * Opens a log of a store, to append, decide, read, follow and react where the data is. What it appends is judged as a push is, and
 * devices that sync with the same store see it at once, as it sees what they push. Throws `tidelog/argument` for misuse.
 */
export function openServerLog<M extends EventMap, Ds extends readonly AnyDecider[]>(
  model: Model<M, Ds>,
  options: ServerLogOptions<M>,
): ServerLog<M, Ds[number]> {
  mustKnow(options, 'store log tenant automations leaseMs validate limits onError clock')
  const { store, log: name = model.name, tenant, automations = true, leaseMs = 30_000, clock = systemClock } = options
  mustBe(typeof store?.append === 'function', 'a store', store)
  mustBe(isText(name, 256) && !/\p{Cc}/u.test(name), 'the name of a log', name)
  mustBe(isCount(leaseMs, 100), 'leaseMs', leaseMs)
  const log = tenant === undefined ? name : toStoreLog(tenant, name)
  const random: Random = browserRandom
  const running: Running[] = []
  const parts = partsOf(model, options, {
    log,
    clock,
    random,
    leaseMs,
    kick: () => running.forEach((one) => one.kick()),
  })
  const { api, leases, openChannel } = parts
  const client = createLogClient(model, parts.database, {
    clock,
    random,
    locks: leases,
    openChannel,
    start: async () => ({ api, opened: await api.open(), end: () => {}, lost: new Promise(() => {}) }),
  })
  let closing: Promise<void> | undefined
  if (automations) {
    const { onError } = parts.context
    running.push(
      ...runAutomations(model.automations, { shown: hubOf(client), isClosed: () => closing !== undefined, onError }),
    )
  }
  const end = async (): Promise<void> => {
    await Promise.all(running.map((one) => one.stop()))
    await client.close()
    parts.context.sealer.stop()
    parts.context.eraser.stop()
  }
  const close = (): Promise<void> => {
    closing ??= end()
    return closing
  }
  return { ...client, close, [Symbol.asyncDispose]: close }
}

interface Own {
  readonly log: string
  readonly clock: Clock
  readonly random: Random
  readonly leaseMs: number
  readonly kick: () => void
}

function partsOf<M extends EventMap>(model: Model<M>, options: ServerLogOptions<M>, own: Own) {
  const { store, validate, limits, onError } = options
  const { log, clock, random, leaseMs, kick } = own
  const context = toContext<M>({
    store,
    model,
    clock,
    ...(validate !== undefined && { validate }),
    ...(limits !== undefined && { limits }),
    ...(onError !== undefined && { onError }),
  })
  const index = new LogIndex(store, log, clock)
  const deciders = createDeciders(model.deciders)
  const writer = new LogWriter({ log, index, context, deciders, retentions: model.retentions, random })
  const kept: KeptLog = new KeptLog({
    store,
    log,
    clock,
    random,
    mustHold: (changes, rows) => api.mustHold(changes, rows),
    onKept: (isAnnounced) => api.onKept(isAnnounced),
  })
  const leases = new Leases(kept, { clock, random, leaseMs, onError: context.onError })
  const openChannel = createChannels()
  const { database } = index.marker
  const api: ServerApi = new ServerApi({ store, log, index, writer, kept, leases, openChannel, database, kick })
  return { context, api, leases, openChannel, database }
}
