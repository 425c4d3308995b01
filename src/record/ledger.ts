import { createListeners, type Observable } from '../core/observable.ts'
import type { RecorderStatus, RejectReason } from './types.ts'

const rejectedKept = 100

/** The status of a recorder, and the way to change it. */
export class Ledger implements Observable<RecorderStatus> {
  readonly #bufferMax: number
  readonly #listeners = createListeners<[]>()
  #end: 'lost' | 'closed' | undefined
  #isTelling = false
  #status: RecorderStatus = {
    state: 'ok',
    buffered: 0,
    recorded: 0,
    dropped: 0,
    refused: 0,
    rejectedCount: 0,
    rejected: [],
    failures: 0,
  }

  constructor(bufferMax: number) {
    this.#bufferMax = bufferMax
  }

  readonly get = (): RecorderStatus => this.#status
  readonly subscribe: Observable<RecorderStatus>['subscribe'] = this.#listeners.add

  note(change: Partial<Omit<RecorderStatus, 'state'>>): void {
    const status = { ...this.#status, ...change }
    this.#status = { ...status, state: this.#stateOf(status) }
    if (this.#isTelling) return
    this.#isTelling = true
    // Later, so that what a subscriber throws does not come out of `record`; and once for all that one tick records.
    queueMicrotask(() => {
      this.#isTelling = false
      this.#listeners.tell()
    })
  }

  add(count: 'recorded' | 'dropped' | 'refused', more: number, buffered: number): void {
    this.note({ [count]: this.#status[count] + more, buffered })
  }

  reject(event: unknown, reason: RejectReason, buffered: number): void {
    const { rejected, rejectedCount } = this.#status
    const last = [...rejected, { event, reason }].slice(-rejectedKept)
    this.note({ rejected: last, rejectedCount: rejectedCount + 1, buffered })
  }

  end(how: 'lost' | 'closed'): void {
    this.#end ??= how
    this.note({ retryAt: undefined })
  }

  #stateOf({ buffered, failures }: RecorderStatus): RecorderStatus['state'] {
    if (this.#end !== undefined) return this.#end
    if (buffered >= this.#bufferMax) return 'full'
    return failures > 0 ? 'retrying' : 'ok'
  }
}
