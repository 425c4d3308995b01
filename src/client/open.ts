import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import { browserClock, browserRandom, openBrowserChannel } from '../platform/browser.ts'
import { type OpenRequest, workerProtocol } from '../protocol/worker.ts'
import { LogClient } from './log-client.ts'
import { spawnSession } from './spawn.ts'
import { toLog } from './to-log.ts'
import type { Log, OpenOptions } from './types.ts'

const optionNames: ReadonlySet<string> = new Set([
  'principal',
  'key',
  'durability',
  'requireDurable',
  'persist',
  'sync',
  'credentials',
  'worker',
])

/** Opens a log in the page. Answers at once; calls wait until the log is open (`log.ready`). Throws for misuse. */
export function openLog<M extends EventMap>(model: Model<M>, options: OpenOptions = {}): Log<M> {
  for (const name of Object.keys(options)) mustBe(optionNames.has(name), `openLog has no option ${name}`)
  const { durability = 'relaxed', requireDurable = true, credentials, worker = ownWorker, persist = false } = options
  mustBe(durability === 'relaxed' || durability === 'strict', "durability is 'relaxed' or 'strict'")
  const key = keyOf(options)
  const syncUrl = options.sync === undefined ? undefined : new URL(options.sync, document.baseURI).href
  // A refusal changes nothing but how easily the browser evicts the log.
  if (persist) navigator.storage?.persist?.().catch(() => {})
  const start = async (onOpen: Parameters<typeof spawnSession>[2]) => {
    const request: OpenRequest = {
      protocol: workerProtocol,
      log: model.name,
      key,
      durability,
      requireDurable,
      aliveLock: `tidelog/alive/${browserRandom.newId()}`,
      ...(syncUrl === undefined ? {} : { syncUrl: syncUrl.replace(/\/$/, '') }),
      ...(credentials === undefined ? {} : { credentials: await credentials() }),
    }
    return spawnSession(worker, request, onOpen)
  }
  const client = new LogClient(model, key, {
    clock: browserClock,
    random: browserRandom,
    openChannel: openBrowserChannel,
    start,
    ...(credentials === undefined ? {} : { credentials }),
  })
  return toLog(client)
}

/** One database for each user and key; the parts are encoded so that no two pairs meet. */
function keyOf({ principal = '', key = '' }: OpenOptions): string {
  mustBe(typeof principal === 'string' && typeof key === 'string', 'principal and key must be strings')
  return principal === '' && key === '' ? '' : `${encodeURIComponent(principal)}:${encodeURIComponent(key)}`
}

const ownWorker = (): Worker =>
  new Worker(new URL('../../worker/default.js', import.meta.url), { type: 'module', name: 'tidelog' })
