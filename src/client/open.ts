import { mustKnow } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import { browserClock, browserRandom, openBrowserChannel } from '../platform/browser.ts'
import { workerProtocol } from '../protocol/worker.ts'
import { createLogClient } from './log-client.ts'
import { spawnSession } from './spawn.ts'
import type { Log, OpenOptions } from './types.ts'

/** Opens a log in the page. Answers at once; calls wait until the log is open (`log.ready`). Throws for misuse. */
export function openLog<M extends EventMap>(model: Model<M>, options: OpenOptions = {}): Log<M> {
  mustKnow(options, 'principal key durability requireDurable persist sync credentials worker')
  const { durability = 'relaxed', requireDurable = true, sync, credentials, worker = ownWorker } = options
  const { principal = '', key = '' } = options
  // The parts are encoded, so that no two pairs meet in one database.
  const parts = principal + key && `${encodeURIComponent(principal)}:${encodeURIComponent(key)}`
  const syncUrl = sync && new URL(sync, document.baseURI).href
  // A refusal changes nothing but how easily the browser evicts the log.
  if (options.persist === true) navigator.storage?.persist?.().catch(() => {})
  return createLogClient(model, parts, {
    clock: browserClock,
    random: browserRandom,
    openChannel: openBrowserChannel,
    start: async () =>
      spawnSession(worker, {
        protocol: workerProtocol,
        log: model.name,
        key: parts,
        durability,
        requireDurable,
        aliveLock: `tidelog/alive/${browserRandom.newId()}`,
        syncUrl,
        credentials: await credentials?.(),
      }),
    credentials,
  })
}

const ownWorker = (): Worker =>
  new Worker(new URL('../../worker/default.js', import.meta.url), { type: 'module', name: 'tidelog' })
