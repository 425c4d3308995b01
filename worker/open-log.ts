import { TidelogError } from '../src/core/errors.ts'
import type { Channel, Clock, Fetch, Locks, OpenChannel, Random } from '../src/core/ports.ts'
import { Appender } from '../src/log/appender.ts'
import { prune } from '../src/log/checkpoint.ts'
import type { Deciding } from '../src/log/deciding-port.ts'
import { Engine } from '../src/log/engine.ts'
import { Reader } from '../src/log/reader.ts'
import { type SealOptions, sealOptions } from '../src/log/seal.ts'
import { channelName, isNotice } from '../src/protocol/notice.ts'
import { databaseName, type OpenRequest, type WorkerApi } from '../src/protocol/worker.ts'
import { isStoreError, type Store } from '../src/store/store.ts'
import { SyncController } from '../src/sync/controller.ts'
import { createHttpTransport } from '../src/sync/http-transport.ts'
import { tidy } from './tidy.ts'

/** A sync endpoint of one log. */
export interface SyncEndpoint {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
}
export interface HostPorts {
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  readonly fetch: Fetch
  readonly openChannel: OpenChannel
  readonly openStore: (name: string) => Promise<Store>
  /** Where the log rests when {@link openStore} can't. */
  readonly openFallback: () => Store
}
export interface HostOptions {
  /** The rules of the model; without them a pending commit that was overtaken can't be decided again. */
  readonly deciding?: Deciding
  readonly sealing?: SealOptions
  /** Who is behind the server by so many events looks for its segments. */
  readonly downloadFrom?: number
  /** Runs what a log does by itself, once it is open; the answer is told of what is kept elsewhere, and ends it. */
  readonly automate?: (parts: AutomateParts) => Automated
  /** Commits carry the id of this device's database as `metadata.origin`. */
  readonly stampsOrigin?: boolean
  /** The endpoint of a log; a log without one is its own sequencer. */
  readonly sync?: (log: { readonly log: string; readonly key: string }) => SyncEndpoint | undefined
}

/** What automations are given. */
export interface AutomateParts extends Pick<HostPorts, 'clock' | 'random' | 'locks'> {
  readonly api: WorkerApi
  readonly engine: Pick<Engine, 'view' | 'onMoved'>
  readonly database: string
  /** Whether this device is the log's own sequencer. */
  readonly isLocal: boolean
}
export interface Automated {
  readonly kick: () => void
  readonly suspend: (isSuspended: boolean) => void
  readonly stop: () => Promise<void>
}

/** Lost notices are made up for this often. */
const heartbeatMs = 60_000
/** A pruner holds the views' lock for moments only; who holds it longer is frozen. */
const viewsTimeoutMs = 10_000

/** A log that is open in this worker. */
export interface Opened {
  readonly engine: Engine
  readonly appender: Appender
  readonly reader: Reader
  readonly sync: SyncController | undefined
  readonly name: string
  readonly problem: string | undefined
  readonly automated: Automated | undefined
  readonly close: () => Promise<void>
}

/** Opens a log: its storage, what writes and reads it, and what goes on by itself. `api` is what automations call. */
export async function openLog(
  ports: HostPorts,
  options: HostOptions,
  request: OpenRequest,
  api: WorkerApi,
): Promise<Opened> {
  const name = databaseName(request.log, request.key)
  void ports.locks.request(request.aliveLock, {}, () => new Promise(() => {}))
  const { store, problem } = await openStore(ports, name)
  const { sealing = sealOptions } = options
  const alone = { timeoutMs: 0, mustExclude: true } as const
  if (ports.random.fraction() * (sealing.pruneEvery ?? 1) < 1)
    await ports.locks.request(viewsLock(name), alone, () => prune(store, sealing.keptRows)).catch(() => {})
  const release = await holdViewsLock(ports.locks, name).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  const hear = { notice: (_message: unknown): void => {} }
  const channel = ports.openChannel(channelName(name), (message) => hear.notice(message))
  const { clock, random, locks } = ports
  const engine = await Engine.open(store, name, { clock, random, locks, channel, deciding: options.deciding })
  const endpoint = options.sync?.({ log: request.log, key: request.key }) ?? endpointOf(request)
  const appender = new Appender(engine, {
    durability: request.durability,
    requireDurable: request.requireDurable,
    synced: endpoint !== undefined,
    origin: options.stampsOrigin ? engine.view.identity : undefined,
    retentions: request.retentions,
  })
  const sync = endpoint && syncWith(endpoint, { ...ports, engine, channel }, options, request)
  hear.notice = (message) => {
    // What can't be read may have been a notice.
    if (!isNotice(message)) engine.catchUp().catch(() => {})
    else if (message.kind === 'moved') {
      engine.hear(message)
      if (message.reordered < 0) automated?.kick()
    } else if (message.kind === 'contended') engine.hearContention()
    else if (message.database === engine.view.identity) sync?.hear(message)
  }
  const automated = options.automate?.({
    clock,
    random,
    locks,
    api,
    engine,
    database: name,
    isLocal: sync === undefined,
  })
  const tidying = tidy(engine, appender, { locks, name, sealing, retentions: request.retentions })
  engine.onMoved(() => {
    sync?.moved()
    tidying.look()
  })
  tidying.look()
  sync?.start()
  const stopHeartbeat = beat(clock, engine)
  const close = async (): Promise<void> => {
    stopHeartbeat()
    await automated?.stop()
    tidying.close()
    await sync?.stop()
    await engine.close()
    channel.close()
    release()
  }
  return { engine, appender, reader: new Reader(engine), sync, name, problem, automated, close }
}

function syncWith(
  { url, headers: own }: SyncEndpoint,
  { engine, channel, clock, random, locks, fetch }: HostPorts & { readonly engine: Engine; readonly channel: Channel },
  { downloadFrom }: HostOptions,
  { credentials = {} }: OpenRequest,
): SyncController {
  return new SyncController({
    engine,
    channel,
    clock,
    random,
    locks,
    credentials,
    downloadFrom,
    transport: (headers) => createHttpTransport({ url, fetch, clock, headers: () => ({ ...own, ...headers() }) }),
  })
}

/** Held by everybody who has a view of the database, and alone by who prunes. */
const viewsLock = (name: string): string => `${name}/views`

/** Holds the lock that keeps rows from being pruned under a view; the answer lets it go. */
async function holdViewsLock(locks: Locks, name: string): Promise<() => void> {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  await new Promise<void>((resolve, reject) => {
    const hold = (): Promise<void> => {
      resolve()
      return released
    }
    const options = { mode: 'shared', timeoutMs: viewsTimeoutMs } as const
    locks.request(viewsLock(name), options, hold).then((held) => {
      if (!held) reject(new TidelogError('tidelog/storage-lost', 'another tab tidies the storage'))
    }, reject)
  })
  return release
}

async function openStore(
  ports: HostPorts,
  name: string,
): Promise<{ readonly store: Store; readonly problem: string | undefined }> {
  try {
    return { store: await ports.openStore(name), problem: undefined }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return { store: ports.openFallback(), problem: error.message }
  }
}

function endpointOf({ syncUrl }: OpenRequest): SyncEndpoint | undefined {
  return syncUrl === undefined ? undefined : { url: syncUrl.replace(/\/$/, '') }
}

/** Looks at the tail now and then, in case a notice was lost. */
function beat(clock: Clock, engine: Engine): () => void {
  let callOff = (): void => {}
  const next = (): void => {
    callOff = clock.after(heartbeatMs, () => {
      // Said in any case: a page may have missed what its worker heard.
      engine
        .catchUp()
        .then(() => engine.announce())
        .catch(() => {})
      next()
    })
  }
  next()
  return () => callOff()
}
