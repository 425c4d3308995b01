// Stands between the devices and the server of a simulation, and lets pushes through, or not.

import type { SimulateOptions, VirtualClock } from 'tidelog/testing'

type Serve = NonNullable<SimulateOptions['serve']>

/** `open` · `shut` pushes fail before the server · `deaf` the answer is lost · `hold` the push is kept, to arrive late */
type GateState = 'open' | 'shut' | 'deaf' | 'hold'

interface PushBody {
  readonly commits: readonly { readonly id: string; readonly events: readonly { readonly data: unknown }[] }[]
}

export class Gate {
  state: GateState = 'open'
  /** Commits for which this answers true arrive broken, so that the server rejects them. */
  isBroken: (data: unknown) => boolean = () => false
  readonly pushes: PushBody[] = []
  /** Pushes that left a device, whatever became of them. */
  left = 0
  readonly #held: (() => Promise<unknown>)[] = []

  readonly serve: Serve = async (request, next) => {
    if (request.method !== 'POST') return next(request)
    this.left += 1
    const { url, headers, signal } = request
    const body = this.#spoiled(await request.json())
    const pass = (own: { signal?: AbortSignal } = {}): Promise<Response> =>
      next(new Request(url, { method: 'POST', headers, body: JSON.stringify(body), ...own }))
    if (this.state === 'hold') this.#held.push(pass)
    if (this.state === 'hold' || this.state === 'shut') throw new TypeError('the line broke')
    this.pushes.push(body)
    const answer = await pass({ signal })
    if (this.state === 'deaf') throw new TypeError('the answer was lost')
    return answer
  }

  get heldCount(): number {
    return this.#held.length
  }
  /** What was held arrives now; nobody hears the answer. */
  async deliver(): Promise<void> {
    for (const pass of this.#held.splice(0)) await pass()
  }

  #spoiled(body: PushBody): PushBody {
    const isWhole = (commit: PushBody['commits'][number]) => !commit.events.some(({ data }) => this.isBroken(data))
    return { ...body, commits: body.commits.map((commit) => (isWhole(commit) ? commit : { ...commit, events: [] })) }
  }
}

/** Lets time pass until something holds; throws when an hour did not bring it. */
export async function until(clock: VirtualClock, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = clock.now() + 60 * 60_000
  while (!(await holds())) {
    if (clock.now() > end) throw new Error('it did not come about within an hour')
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
    clock.step()
  }
}
