// The package's worker with a clock around its append and around its transactions.
import { expose } from 'comlink'
import { browserClock, browserLocks, browserRandom, openBrowserChannel } from '../../src/platform/browser.ts'
import { openIdbStore } from '../../src/store/idb-store.ts'
import type { Store } from '../../src/store/store.ts'
import { Host } from '../../worker/host.ts'

/** Milliseconds, one entry for each append and each write transaction, in their order. */
export interface Times {
  readonly appends: readonly number[]
  readonly transactions: readonly number[]
}

const appends: number[] = []
const transactions: number[] = []

class TimedHost extends Host {
  override async append(batch: Parameters<Host['append']>[0]): ReturnType<Host['append']> {
    const start = performance.now()
    const answers = await super.append(batch)
    appends.push(performance.now() - start)
    return answers
  }

  /** What was timed goes to the page ahead of the answer, which ends the worker. */
  override async close(): Promise<void> {
    await super.close()
    postMessage({ appends, transactions } satisfies Times)
  }
}

const timed = (store: Store): Store => ({
  identity: store.identity,
  durable: store.durable,
  run: async (requests, options) => {
    const start = performance.now()
    const results = await store.run(requests, options)
    if (options?.write === true) transactions.push(performance.now() - start)
    return results
  },
  close: () => store.close(),
})

const host = new TimedHost({
  clock: browserClock,
  random: browserRandom,
  locks: browserLocks,
  fetch: (request) => fetch(request),
  openChannel: openBrowserChannel,
  openStore: async (name) => timed(await openIdbStore({ name, newId: browserRandom.newId, clock: browserClock })),
  openFallback: () => {
    throw new Error('this browser gives no storage')
  },
})
expose(host)
