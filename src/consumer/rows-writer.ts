import { isTidelogError } from '../core/errors.ts'
import { Wake } from '../core/wake.ts'
import { retryAfterMs, sleep } from './attempts.ts'
import type { ConsumerPorts } from './ports.ts'
import type { RowsFold } from './rows-fold.ts'
import { layoutOf } from './rows-layout.ts'
import { type Heard, RowsSession } from './rows-session.ts'

/** A request for the lock that has to wait longer is made anew: one behind a page in the back/forward cache may wait for minutes. */
const lockTimeoutMs = 3_000

/** Keeps the rows of a read model up to date: one writer among all tabs, by a lock that only saves double work. */
export class RowsWriter {
  readonly ended: Promise<void>
  readonly #ports: ConsumerPorts
  readonly #fold: RowsFold
  readonly #heard: Heard = { wake: new Wake(), confirmed: 0, isKicked: false }
  readonly #stopping = new AbortController()
  #head = -1
  #isSuspended = false
  /** Lets go of the lock at once. */
  #release = (): void => {}

  constructor(ports: ConsumerPorts, fold: RowsFold, waitMs = 0) {
    this.#ports = ports
    this.#fold = fold
    this.ended = this.#run(waitMs)
  }

  /** The checkpoint was changed from elsewhere. */
  kick(): void {
    this.#heard.isKicked = true
    this.#heard.wake.wake()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#release()
    this.#heard.wake.wake()
    await this.ended
  }

  async #run(waitMs: number): Promise<void> {
    const { clock, random, onMoved, onSuspended } = this.#ports
    const { signal } = this.#stopping
    const unlisten = onMoved((moved) => {
      this.#heard.confirmed = Math.max(this.#heard.confirmed, moved?.confirmed ?? 0)
      // A notice that tells of no move tells of something that was kept; the first one may be either.
      if (moved === undefined || this.#head < 0 || moved.head <= this.#head) this.kick()
      this.#head = Math.max(this.#head, moved?.head ?? 0)
      this.#heard.wake.wake()
    })
    const suspend = (isSuspended: boolean) => (): void => {
      this.#isSuspended = isSuspended
      if (isSuspended) this.#release()
      this.#heard.wake.wake()
    }
    const unwatch = onSuspended(suspend(true), suspend(false))
    if (waitMs > 0) await sleep(clock, waitMs, signal)
    for (let failures = 0; !signal.aborted; ) {
      try {
        // A log that was closed ends it, also where the lock is never to be had.
        await this.#ports.call(async () => {})
        if (this.#isSuspended) await this.#heard.wake.wait()
        else await this.#inTurn()
        failures = 0
      } catch (error) {
        if (isTidelogError(error, 'tidelog/log-closed')) break
        await sleep(clock, retryAfterMs(++failures, 1_000, 60_000, random), signal)
      }
    }
    unlisten()
    unwatch()
  }

  async #inTurn(): Promise<void> {
    const { locks, database } = this.#ports
    const layout = layoutOf(this.#fold.model)
    const turn = new AbortController()
    const over = new Promise((resolve) => turn.signal.addEventListener('abort', resolve))
    this.#release = () => {
      turn.abort()
      this.#heard.wake.wake()
    }
    if (this.#stopping.signal.aborted || this.#isSuspended) return
    let running: Promise<void> | undefined
    const options = { timeoutMs: lockTimeoutMs, signal: turn.signal }
    // A frozen tab would keep the lock, or its place in the queue: it lets go of both before.
    await locks.request(`${database}/${layout.lock}`, options, async () => {
      running = this.#sessions(turn.signal)
      await Promise.race([running.catch(() => {}), over])
    })
    await running
  }

  async #sessions(signal: AbortSignal): Promise<void> {
    const layout = layoutOf(this.#fold.model)
    while (!signal.aborted) await new RowsSession(this.#ports, this.#fold, layout, this.#heard, signal).run()
  }
}
