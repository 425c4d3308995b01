import type { AnyDecider } from '../core/decider.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isWellFormed } from '../core/guard.ts'
import type { Model } from '../core/model.ts'
import { browserClock, browserRandom, openBrowserChannel } from '../platform/browser.ts'
import { databaseName, workerProtocol } from '../protocol/worker.ts'
import { createLogClient } from './log-client.ts'
import { spawnSession } from './spawn.ts'
import type { Log, OpenOptions } from './types.ts'

/** Opens a log in the page. Answers at once; calls wait until the log is open (`log.ready`). Throws for misuse. */
export function openLog<M extends EventMap, Ds extends readonly AnyDecider[]>(
  model: Model<M, Ds>,
  options: OpenOptions = {},
): Log<M, Ds[number]> {
  const {
    principal = '',
    key = '',
    durability = 'relaxed',
    requireDurable = true,
    persist,
    sync,
    credentials,
    archive,
    worker = ownWorker,
    ...unknown
  } = options
  for (const name of Object.keys(unknown)) mustBe(false, 'an option', name)
  for (const part of [principal, key]) mustBe(isWellFormed(part), 'a part of a name', part)
  // The parts are encoded, so that no two pairs meet in one database.
  const parts = principal + key && `${encodeURIComponent(principal)}:${encodeURIComponent(key)}`
  const syncUrl = sync && new URL(sync, document.baseURI).href
  // A refusal changes nothing but how easily the browser evicts the log.
  if (persist) navigator.storage?.persist?.().catch(() => {})
  return createLogClient(model, archive ?? databaseName(model.name, parts), {
    clock: browserClock,
    random: browserRandom,
    openChannel: openBrowserChannel,
    start: async (hear) => {
      const request = {
        protocol: workerProtocol,
        log: model.name,
        retentions: model.retentions,
        key: parts,
        archive,
        durability,
        requireDurable,
        aliveLock: `tidelog/alive/${browserRandom.newId()}`,
        syncUrl,
        credentials: await credentials?.(),
      }
      return spawnSession(worker, request, hear)
    },
    credentials,
  })
}

const ownWorker = (): Worker =>
  new Worker(new URL('../../worker/default.js', import.meta.url), { type: 'module', name: 'tidelog' })
