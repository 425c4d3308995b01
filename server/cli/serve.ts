import { statSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { createSyncHandler } from '../handler.ts'
import { type Listening, listen } from '../node.ts'
import type { Observe } from '../observe.ts'
import type { ServeConfig } from '../options.ts'
import type { LogStore } from '../store.ts'
import { isStoreError } from '../store-error.ts'
import type { Values } from './command.ts'
import { readConfig } from './config.ts'
import { explain } from './explain.ts'
import { fail, misuse } from './failure.ts'
import type { Logger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { frontHandler, type Operations, operationsHandler } from './operations.ts'
import { createReadiness, probe } from './readiness.ts'
import type { Stopping } from './stopping.ts'
import { describeStore, openStore } from './stores.ts'
import { createErrorLog } from './watch-errors.ts'

/** A probe of readiness is answered within this. */
const answerMsMax = 2_000
/** A store has so long to close after the rest. */
const closeMsMax = 5_000
/** How often a store is asked that is waited for. */
const againMs = 1_000

export interface ServeContext {
  readonly values: Values
  readonly logger: Logger
  readonly version: string
  readonly stopping: Stopping
}

/** Serves until it is told to stop; rejects with a {@link Failure} when it can't begin. */
export async function runServe(context: ServeContext): Promise<void> {
  const { values, logger, version, stopping } = context
  const settings = readSettings(values)
  const config = await readConfig(values)
  void stopping.asked.then(() => endAnyhow(settings, logger))
  const { onError, observe, onBroken } = createErrorLog(logger)
  const store = await openStore(settings.url, { onError: onBroken }).catch((error: unknown) =>
    explain(settings.url, error),
  )
  try {
    if (settings.waitMs === 0) await probe(store).catch((error: unknown) => explain(settings.url, error))
    const metrics = createMetrics(version)
    const readiness = createReadiness({ store, answerMsMax, onChange: metrics.setReady })
    const operations = { readiness, metrics }
    const all = [metrics.observe, observe, requestLog(logger), config.observe]
    const front = await listenAll(settings, { config, store, onError, observe: toAll(all), operations })
    try {
      warn(logger, config, front.main.url)
      const { basePath = '/sync' } = config
      const more = {
        store: describeStore(settings.url),
        basePath,
        metrics: front.metricsUrl,
        version,
        pid: process.pid,
      }
      logger.info('listening', { url: front.main.url, ...more })
      if (settings.waitMs > 0) await waitForStore(store, settings, logger, stopping.signal)
      await stopping.asked
    } finally {
      await shutDown(front, settings, operations, logger)
    }
  } finally {
    await store.close()
  }
  logger.info('stopped')
}

interface Settings {
  readonly url: string
  readonly port: number
  readonly host: string
  readonly staticDir: string | undefined
  readonly proxies: number | undefined
  readonly metricsPort: number | undefined
  readonly waitMs: number
  readonly drainMs: number
  readonly graceMs: number
}

function readSettings(values: Values): Settings {
  const staticDir = values.text('static')
  if (staticDir !== undefined && statSync(staticDir, { throwIfNoEntry: false })?.isDirectory() !== true)
    misuse(`--static ${staticDir} is no folder`)
  const seconds = (name: string, most: number): number => (values.count(name, 0, most) ?? 0) * 1_000
  return {
    url: values.mustHave('store'),
    port: values.count('port', 0, 65_535) ?? 0,
    host: values.mustHave('host'),
    staticDir,
    proxies: values.count('proxies', 0, 100),
    metricsPort: values.count('metrics-port', 0, 65_535),
    waitMs: seconds('wait', 86_400),
    drainMs: seconds('drain', 3_600),
    graceMs: seconds('grace', 3_600),
  }
}

const toAll =
  (observers: readonly (Observe | undefined)[]): Observe =>
  (event) => {
    for (const observe of observers) observe?.(event)
  }

const requestLog =
  (logger: Logger): Observe =>
  (event) => {
    if (event.type !== 'request') return
    const { type: _, durationMs, ...fields } = event
    logger.debug('request', { ...fields, ms: Math.round(durationMs * 10) / 10 })
  }

interface Front {
  readonly main: Listening
  readonly metricsUrl: string | undefined
  readonly closeMetrics: () => Promise<void>
}

interface Parts {
  readonly config: ServeConfig
  readonly store: LogStore
  readonly onError: ReturnType<typeof createErrorLog>['onError']
  readonly observe: Observe
  readonly operations: Operations
}

async function listenAll(settings: Settings, { config, store, onError, observe, operations }: Parts): Promise<Front> {
  const { host, port, proxies, metricsPort, staticDir, graceMs } = settings
  const handler = createSyncHandler({
    ...config,
    store,
    observe,
    onError: (error, about) => {
      onError(error, about)
      config.onError?.(error, about)
    },
  })
  const hasMetrics = metricsPort === undefined
  const front = frontHandler({ ...operations, handler, staticDir, hasMetrics, isBehindProxy: (proxies ?? 0) > 0 })
  const timeouts = { closeMs: graceMs }
  const more = proxies === undefined ? {} : { proxies }
  const beside = hasMetrics
    ? undefined
    : await listenAt('metrics-port', { handler: operationsHandler(operations), host, port: metricsPort })
  try {
    const main = await listenAt('port', { handler: front, host, port, timeouts, ...more })
    return { main, metricsUrl: beside?.url, closeMetrics: async () => void (await beside?.close()) }
  } catch (error) {
    await beside?.close()
    throw error
  }
}

async function listenAt(option: string, options: Parameters<typeof listen>[0]): Promise<Listening> {
  try {
    return await listen(options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const { host, port } = options
    if (code === 'EADDRINUSE')
      fail(`port ${port} of ${host} is taken: stop what listens there, or choose another --${option}`)
    if (code === 'EACCES') fail(`port ${port} of ${host} may not be used: choose one above 1023 as --${option}`)
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') fail(`--host ${host} is no address of this machine`)
    throw error
  }
}

function warn(logger: Logger, { authenticate, authorize }: ServeConfig, url: string): void {
  if (authenticate === undefined)
    logger.warn(`anybody who can reach ${url} may read and write every log: see --token-file and --config`)
  else if (authorize === undefined)
    logger.warn('whoever is known may read and write every log: see authorize of --config')
}

/** A database that is started at the same time may come up later; what will not serve us would not do so later either. */
async function waitForStore(store: LogStore, settings: Settings, logger: Logger, signal: AbortSignal): Promise<void> {
  const { url, waitMs } = settings
  const end = performance.now() + waitMs
  for (let isTold = false; !signal.aborted; ) {
    try {
      return await probe(store)
    } catch (error) {
      if (!isStoreError(error) || error.failure !== 'unavailable' || performance.now() > end) return explain(url, error)
      if (!isTold) logger.warn('waiting for the store', { store: describeStore(url), error })
      isTold = true
    }
    await after(againMs, undefined, { signal }).catch(() => {})
  }
}

/** What a store waits for when it is closed is not known here, and must not keep the process. */
function endAnyhow({ drainMs, graceMs }: Settings, logger: Logger): void {
  const end = (): void => {
    logger.error('the store could not be closed in time')
    process.exit(1)
  }
  setTimeout(end, drainMs + graceMs + closeMsMax).unref()
}

async function shutDown(
  { main, closeMetrics }: Front,
  { drainMs, graceMs }: Settings,
  { readiness }: Operations,
  logger: Logger,
): Promise<void> {
  readiness.end('The server is stopping')
  logger.info('stopping', { drainSeconds: drainMs / 1_000, graceSeconds: graceMs / 1_000 })
  if (drainMs > 0) await after(drainMs)
  const { hasCutOff } = await main.close()
  if (hasCutOff) logger.warn('what was still under way has been cut off')
  await closeMetrics()
}
