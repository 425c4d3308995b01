import { type Push, type Settled, type Settling, settle, settleTogether } from './settle.ts'
import { isStoreError } from './store-error.ts'

/** Pushes that are settled together, and the commits in them: small ones, since whoever comes behind waits for all of them. */
const pushesMax = 50
const commitsMax = 200
const textMax = 300_000

interface Waiting {
  readonly push: Push
  readonly resolve: (settled: Settled) => void
  readonly reject: (error: unknown) => void
}

/**
 * Pushes to one log take turns inside a process, so that they don't race each other at the store, and none of them starves.
 * Those that come while others are settled are settled together, in the order in which they came. What races across processes
 * is settled by the store's compare-and-append.
 */
export class PushQueue {
  readonly #context: Settling
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(context: Settling) {
    this.#context = context
  }

  /** Answers `undefined`, without settling it, when too many wait. */
  settle(push: Push): Promise<Settled> | undefined {
    const { log } = push
    const waiting = this.#waiting.get(log)
    if (waiting !== undefined && waiting.length >= this.#context.limits.waitingMax) return undefined
    return new Promise((resolve, reject) => {
      const mine = { push, resolve, reject }
      if (waiting !== undefined) waiting.push(mine)
      else {
        const queue = [mine]
        this.#waiting.set(log, queue)
        void this.#work(log, queue)
      }
    })
  }

  async #work(log: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await this.#settleAll(queue.splice(0, countTogether(queue)))
    this.#waiting.delete(log)
  }

  async #settleAll(group: readonly Waiting[]): Promise<void> {
    const results = group.length > 1 ? await this.#settleTogether(group.map(({ push }) => push)) : undefined
    const alone = group.filter((waiting) => !settledBy(waiting, results?.get(waiting.push)))
    for (const waiting of alone) {
      const [result] = await Promise.allSettled([settle(waiting.push, this.#context)])
      settledBy(waiting, result)
    }
  }

  async #settleTogether(pushes: readonly Push[]): Promise<ReadonlyMap<Push, PromiseSettledResult<Settled>>> {
    try {
      return await settleTogether(pushes, this.#context)
    } catch (reason) {
      // A store that is away is away for each of them. Anything else may be the fault of one.
      return new Map(isStoreError(reason) ? pushes.map((push) => [push, { status: 'rejected', reason }]) : [])
    }
  }
}

/** Tells whoever waits what came of it, if that is known. */
function settledBy({ resolve, reject }: Waiting, result: PromiseSettledResult<Settled> | undefined): boolean {
  if (result?.status === 'fulfilled') resolve(result.value)
  else if (result !== undefined) reject(result.reason)
  return result !== undefined
}

/** How many of those that wait go together; at least one. */
function countTogether(queue: readonly Waiting[]): number {
  let [commits, text] = [0, 0]
  const end = queue.findIndex(({ push }, nth) => {
    commits += push.run.length
    for (const commit of push.run) text += 'text' in commit ? commit.text.length : 0
    return nth > 0 && (nth === pushesMax || commits > commitsMax || text > textMax)
  })
  return end < 0 ? queue.length : end
}
