// The worker of an app with rules, with a clock at each step of its sync; its pushes never leave.
import { expose } from 'comlink'
import { createDeciders } from '../../src/core/rulings.ts'
import { createDeciding } from '../../src/log/deciding.ts'
import { browserClock, browserLocks, browserRandom, openBrowserChannel } from '../../src/platform/browser.ts'
import type { WriteRow } from '../../src/protocol/rows.ts'
import { openIdbStore } from '../../src/store/idb-store.ts'
import type { Store, Request as StoreRequest } from '../../src/store/store.ts'
import { Host } from '../../worker/host.ts'
import { decidingModel } from './model.ts'

/** A transaction that is complete. */
export interface Step {
  readonly kind: 'pull' | 'rebase'
  /** Milliseconds since the worker was asked to resume. */
  readonly ms: number
  /** Pulled, or decided anew. */
  readonly events: number
}

let resumedAt = 0

class SteppedHost extends Host {
  override askSync(wish: Parameters<Host['askSync']>[0]): Promise<void> {
    if (wish === 'resume') resumedAt = performance.now()
    return super.askSync(wish)
  }
}

function tell(requests: readonly StoreRequest[]): void {
  const row = requests.flatMap((request) => (request.op === 'add' && isWrite(request.row) ? [request.row] : []))[0]
  const ms = performance.now() - resumedAt
  const say = (step: Step): void => postMessage(step)
  if (row?.kind === 'pull') say({ kind: 'pull', ms, events: row.through.position - row.from })
  if (row?.kind === 'rebase') say({ kind: 'rebase', ms, events: JSON.parse(row.replaced).length })
}

const isWrite = (row: object): row is WriteRow => 'kind' in row

const stepped = (store: Store): Store => ({
  identity: store.identity,
  durable: store.durable,
  run: async (requests, options) => {
    const results = await store.run(requests, options)
    tell(requests)
    return results
  },
  close: () => store.close(),
})

const held = ({ signal }: Request): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason)
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
  })

const host = new SteppedHost(
  {
    clock: browserClock,
    random: browserRandom,
    locks: browserLocks,
    fetch: (request) => (request.url.endsWith('/push') ? held(request) : fetch(request)),
    openChannel: openBrowserChannel,
    openStore: async (name) => stepped(await openIdbStore({ name, newId: browserRandom.newId, clock: browserClock })),
    openFallback: () => {
      throw new Error('this browser gives no storage')
    },
  },
  { deciding: createDeciding(createDeciders(decidingModel.deciders)) },
)
expose(host)
