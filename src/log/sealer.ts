import type { Locks } from '../core/ports.ts'
import type { Engine } from './engine.ts'
import { type SealOptions, seal } from './seal.ts'

/** Seals in the background, when there is enough, the log is quiet, and no other worker does. */
export class Sealer {
  readonly #engine: Engine
  readonly #locks: Locks
  readonly #lock: string
  readonly #options: SealOptions
  #isSealing = false
  #isClosed = false
  #callOff = (): void => {}
  /** What is not sealed has to grow to this before it is tried again. */
  #from: number

  constructor(engine: Engine, locks: Locks, name: string, options: SealOptions) {
    this.#engine = engine
    this.#locks = locks
    this.#lock = `${name}/seal`
    this.#options = options
    this.#from = options.from
  }

  /** Looks whether there is enough; called after the log moved. */
  look(): void {
    this.#callOff()
    const { from, quietMs = 0, unsealedMax = 0 } = this.#options
    // Whoever has sealed it, it begins anew.
    if (this.#size < from) this.#from = from
    if (this.#isSealing || this.#isClosed || this.#size < this.#from) return
    if (quietMs === 0) this.#seal(this.#options)
    // What is packed while the log grows is not packed again later.
    else if (this.#size > unsealedMax) this.#seal({ ...this.#options, from: this.#options.max })
    else this.#callOff = this.#engine.clock.after(quietMs, () => this.#seal(this.#options))
  }

  #seal(options: SealOptions): void {
    this.#isSealing = true
    const { from } = this.#options
    let hasSealed = false
    this.#locks
      .request(this.#lock, { timeoutMs: 0 }, async () => {
        while (!this.#isClosed && (await seal(this.#engine, options))) hasSealed = true
      })
      // Storage is full or gone: nothing is lost, and the events to come ask again.
      .catch(() => {})
      .finally(() => {
        this.#isSealing = false
        this.#from = this.#size < from || hasSealed ? from : this.#size + from
        if (hasSealed) this.look()
      })
  }

  close(): void {
    this.#callOff()
    this.#isClosed = true
  }

  get #size(): number {
    const { confirmed, sealed } = this.#engine.view
    return confirmed.head.position - sealed.head.position
  }
}
