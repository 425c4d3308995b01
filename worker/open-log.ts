import type { Channel, Clock } from '../src/core/ports.ts'
import { Appender } from '../src/log/appender.ts'
import { prune } from '../src/log/checkpoint.ts'
import type { Deciding } from '../src/log/deciding-port.ts'
import { Engine } from '../src/log/engine.ts'
import { Reader } from '../src/log/reader.ts'
import { type SealOptions, sealOptions } from '../src/log/seal.ts'
import { channelName, isNotice, noticeVersion } from '../src/protocol/notice.ts'
import { databaseName, type OpenRequest, type WorkerApi } from '../src/protocol/worker.ts'
import { SyncController } from '../src/sync/controller.ts'
import { createHttpTransport } from '../src/sync/http-transport.ts'
import type { Database } from './databases.ts'
import type { HostPorts } from './host-ports.ts'
import { openStore, restOf } from './open-store.ts'
import { type PageWatch, watchPage } from './page-life.ts'
import { Replicas } from './replicas.ts'
import type { StorageWatch } from './storage-watch.ts'
import { tidy } from './tidy.ts'
import { holdViewsLock, viewsLock } from './views-lock.ts'

/** A sync endpoint of one log. */
export interface SyncEndpoint {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
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
export interface AutomateParts extends Pick<HostPorts, 'clock' | 'random' | 'locks' | 'openChannel'> {
  readonly page: PageWatch
  readonly api: WorkerApi
  readonly engine: Pick<Engine, 'view' | 'onMoved'>
  readonly database: string
  /** Whether this device is the log's own sequencer. */
  readonly isLocal: boolean
}
export interface Automated {
  readonly kick: () => void
  readonly stop: () => Promise<void>
}

/** Lost notices are made up for this often. */
const heartbeatMs = 60_000

/** A log that is open in this worker. */
export interface Opened {
  readonly engine: Engine
  readonly appender: Appender
  /** Of its database. */
  readonly name: string
  readonly reader: Reader
  readonly sync: SyncController | undefined
  readonly storage: StorageWatch
  /** It rests in memory, since the browser gave no storage. */
  readonly isStandIn: boolean
  readonly automated: Automated | undefined
  readonly replicas: Replicas
  /** A database that has ended is read. */
  readonly isArchive: boolean
  /** The user has signed out, here or in another tab. */
  readonly hasLeft: () => boolean
  readonly page: PageWatch
  readonly close: () => Promise<void>
}

/**
 * Opens a log: its storage, what writes and reads it, and what goes on by itself. `api` is what automations call. A log that
 * `mustRest` rejects where there is no storage, and says nothing of it until it may.
 */
export async function openLog(
  ports: HostPorts,
  options: HostOptions,
  request: OpenRequest,
  api: WorkerApi,
  mustRest = false,
): Promise<Opened> {
  const base = databaseName(request.log, request.key)
  const isArchive = request.archive !== undefined
  void ports.locks.request(request.aliveLock, {}, () => new Promise(() => {}))
  const look = { again: (): void => {} }
  const opening = { base, archive: request.archive, mustRest, dropped: () => look.again() }
  const { store, name, watch, problem } = await openStore(ports, opening)
  const { sealing = sealOptions } = options
  const release = await holdTidied(ports, { store, name }, sealing)
  const hear = { notice: (_message: unknown): void => {} }
  // A replica speaks where the page listens, whatever its database is called.
  const channel = ports.openChannel(channelName(request.archive ?? base), (message) => hear.notice(message))
  const { clock, random, locks } = ports
  const page = watchPage()
  const engine = await Engine.open(store, name, { clock, random, locks, channel, deciding: options.deciding })
  look.again = () => void engine.catchUp().catch(() => {})
  watch.settle(restOf(engine, problem))
  const endpoint = endpointOf(options, request)
  const appender = appenderOf(engine, options, request, endpoint !== undefined)
  const onLive = (): void => replicas.bringOver()
  const sync = endpoint && syncWith(endpoint, { ...ports, engine, channel, page, onLive }, options, request)
  const isLocal = sync === undefined
  const automated = (isArchive ? undefined : options.automate)?.({
    ...ports,
    page,
    api,
    engine,
    database: base,
    isLocal,
  })
  const tidying = tidy(engine, appender, { locks, name, sealing, retentions: request.retentions })
  engine.onMoved(() => {
    // Somebody has gone on in another database: nothing is done here any more.
    if (engine.view.movedTo !== undefined) void close()
    else if (engine.stopped !== undefined) watch.settle(restOf(engine, problem))
    sync?.moved()
    tidying.look()
  })
  if (!isArchive) tidying.look()
  sync?.start()
  const stopHeartbeat = beat(clock, engine)
  const close = once(async () => {
    watch.hush()
    stopHeartbeat()
    await automated?.stop()
    tidying.close()
    await sync?.stop()
    await replicas.close()
    await engine.close()
    channel.close()
    release()
  })
  let hasLeft = false
  const leave = (): void => {
    hasLeft = true
    void close()
  }
  hear.notice = hearing({ engine, sync, automated, leave })
  const tellLeave = (): void => channel.post({ v: noticeVersion, kind: 'leave', database: engine.view.identity })
  const replicas = new Replicas({ ports, base, name, engine, appender, sync, tellLeave, close })
  const reader = new Reader(engine)
  const state = { storage: watch, isStandIn: problem !== undefined, isArchive, hasLeft: () => hasLeft }
  return { engine, name, appender, reader, sync, automated, page, replicas, close, ...state }
}

function appenderOf(
  engine: Engine,
  { stampsOrigin }: HostOptions,
  { durability, requireDurable, retentions }: OpenRequest,
  synced: boolean,
): Appender {
  const origin = stampsOrigin ? engine.view.identity : undefined
  return new Appender(engine, { durability, requireDurable, synced, origin, retentions })
}

/** Prunes the rows, if it is open here alone and it is its turn, and keeps them from being pruned after that. */
async function holdTidied(
  { locks, random }: HostPorts,
  { store, name }: Database,
  { pruneEvery = 1, keptRows }: SealOptions,
): Promise<() => void> {
  const alone = { timeoutMs: 0, mustExclude: true } as const
  if (random.fraction() * pruneEvery < 1)
    await locks.request(viewsLock(name), alone, () => prune(store, keptRows)).catch(() => {})
  try {
    return await holdViewsLock(locks, name)
  } catch (error) {
    await store.close()
    throw error
  }
}

const once = (end: () => Promise<void>): (() => Promise<void>) => {
  let ending: Promise<void> | undefined
  return () => {
    ending ??= end()
    return ending
  }
}

interface Hearers extends Pick<Opened, 'engine' | 'sync' | 'automated'> {
  readonly leave: () => void
}

/** Hands a message of another tab to whom it concerns. */
const hearing =
  ({ engine, sync, automated, leave }: Hearers) =>
  (message: unknown): void => {
    // What can't be read may have been a notice.
    if (!isNotice(message)) engine.catchUp().catch(() => {})
    else if (message.kind === 'moved') {
      engine.hear(message)
      if (message.reordered < 0) automated?.kick()
    } else if (message.kind === 'contended') engine.hearContention()
    else if (message.kind === 'leave') leave()
    else if (message.database === engine.view.identity) sync?.hear(message)
  }

interface SyncParts {
  readonly engine: Engine
  readonly channel: Channel
  readonly page: PageWatch
  readonly onLive: () => void
}

function syncWith(
  { url, headers: own }: SyncEndpoint,
  { engine, channel, page, onLive, ...ports }: HostPorts & SyncParts,
  { downloadFrom }: HostOptions,
  { credentials = {} }: OpenRequest,
): SyncController {
  const sync = new SyncController({
    ...ports,
    isVisible: page.isVisible,
    engine,
    channel,
    credentials,
    downloadFrom,
    onLive,
    transport: (headers) => createHttpTransport({ ...ports, url, headers: () => ({ ...own, ...headers() }) }),
  })
  page.onSuspended(
    () => sync.suspend(true),
    () => sync.suspend(false),
  )
  return sync
}

function endpointOf({ sync }: HostOptions, { log, key, archive, syncUrl }: OpenRequest): SyncEndpoint | undefined {
  if (archive !== undefined) return undefined
  return sync?.({ log, key }) ?? (syncUrl === undefined ? undefined : { url: syncUrl.replace(/\/$/, '') })
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
