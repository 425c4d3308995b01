import { isTidelogError } from '../core/errors.ts'
import { GuardedLock } from '../core/guarded-lock.ts'
import { Wake } from '../core/wake.ts'
import { retryAfterMs, sleep } from './attempts.ts'
import type { ConsumerPorts } from './ports.ts'
import type { RowsFold } from './rows-fold.ts'
import { layoutOf } from './rows-layout.ts'
import { type Heard, RowsSession } from './rows-session.ts'

/** Keeps the rows of a read model up to date: one writer among all tabs, by a lock that only saves double work. */
export class RowsWriter {
  readonly ended: Promise<void>
  readonly #ports: ConsumerPorts
  readonly #fold: RowsFold
  readonly #heard: Heard = { wake: new Wake(), confirmed: 0, isKicked: false }
  readonly #lock: GuardedLock
  readonly #stopping = new AbortController()
  #head = -1
  #isSuspended = false
  /** Lets go of the lock at once. */
  #release = (): void => {}

  constructor(ports: ConsumerPorts, fold: RowsFold, waitMs = 0) {
    this.#ports = ports
    this.#fold = fold
    this.#lock = new GuardedLock(`${ports.database}/${layoutOf(fold.model).lock}`, ports)
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
    const turn = new AbortController()
    this.#release = () => turn.abort()
    if (this.#stopping.signal.aborted || this.#isSuspended) return
    // A frozen tab would keep the lock, or its place in the queue: it lets go of both before.
    await this.#lock.hold((over) => {
      over.addEventListener('abort', () => this.#heard.wake.wake())
      return this.#sessions(over)
    }, turn.signal)
  }

  async #sessions(signal: AbortSignal): Promise<void> {
    const layout = layoutOf(this.#fold.model)
    while (!signal.aborted) await new RowsSession(this.#ports, this.#fold, layout, this.#heard, signal).run()
  }
}
