import type { Clock } from '../src/core/ports.ts'
import type { StorageStatus } from '../src/protocol/worker.ts'
import { type Request, type Results, type RunOptions, type Store, StoreError } from '../src/store/store.ts'

/** What takes longer is told of. */
const slowMs = 5_000
/** A broken connection heals by itself; after so many failures without a success between them it has not. */
const lostMax = 3

/** What is known of a log's storage, told with each change. */
export class StorageWatch {
  readonly #clock: Clock
  readonly #tell: (status: StorageStatus) => void
  #settled: StorageStatus = { state: 'opening', durable: false }
  #trouble: Partial<StorageStatus> | undefined
  #lost = 0
  /** What is under way for so long. */
  #slow = 0
  #told = ''
  #isQuiet = false

  constructor(clock: Clock, tell: (status: StorageStatus) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  get status(): StorageStatus {
    const status = this.#trouble === undefined ? this.#settled : { ...this.#settled, ...this.#trouble }
    if (this.#slow === 0 || status.problem !== undefined) return status
    return { ...status, problem: `storage has not answered for ${slowMs / 1_000} s` }
  }

  /** How it is while nothing is wrong. */
  settle(status: StorageStatus): void {
    this.#settled = status
    this.#say()
  }

  /** Tells nothing until it may {@link speak}. */
  hush(): void {
    this.#isQuiet = true
  }

  speak(): void {
    this.#isQuiet = false
    this.#say()
  }

  /** Waits with what waits for storage. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isSlow = false
    const callOff = this.#clock.after(slowMs, () => {
      isSlow = true
      this.#slow += 1
      this.#say()
    })
    try {
      return await work
    } finally {
      callOff()
      if (isSlow) this.#slow -= 1
      this.#say()
    }
  }

  /** The store, watched. */
  over(store: Store): Store {
    const { identity, durable } = store
    return {
      identity,
      durable,
      run: <const R extends readonly Request[]>(requests: R, options: RunOptions = {}): Promise<Results<R>> => {
        const running = store.run(requests, options).then(
          (results) => {
            this.#went(options.write === true)
            return results
          },
          (error: unknown) => {
            this.#failed(error)
            throw error
          },
        )
        return this.during(running)
      },
      close: () => store.close(),
    }
  }

  /** There is room again when something was written, and storage again when anything was done. */
  #went(isWrite: boolean): void {
    this.#lost = 0
    if (this.#trouble?.state !== 'full' || isWrite) this.#trouble = undefined
  }

  #failed(error: unknown): void {
    if (!(error instanceof StoreError) || error.kind === 'closed') return
    const { kind, message: problem } = error
    if (kind === 'taken') this.#went(false)
    else if (kind === 'full') this.#trouble = { state: 'full', problem }
    else if (kind !== 'lost' || ++this.#lost >= lostMax) this.#trouble = { state: 'lost', durable: false, problem }
  }

  #say(): void {
    const { status } = this
    const text = JSON.stringify(status)
    if (this.#isQuiet || text === this.#told) return
    this.#told = text
    this.#tell(status)
  }
}
