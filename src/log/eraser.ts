import { erasedType } from '../core/lifecycle.ts'
import type { Locks } from '../core/ports.ts'
import type { Engine } from './engine.ts'
import { erase, mustErase } from './erase.ts'
import type { SealOptions } from './seal.ts'

/** Whoever packs is waited for so long. */
const lockTimeoutMs = 10_000
/** What could not be done now is tried again after so long. */
const againMs = 5_000
/** A log that is never quiet is waited for so long. */
const patienceMs = 30_000

/** Carries out erasures as they are confirmed, in one worker at a time. */
export class Eraser {
  readonly #engine: Engine
  readonly #locks: Locks
  readonly #lock: string
  readonly #options: SealOptions
  /** Among these segments there is nothing to erase. */
  #done: unknown
  /** Waiting for quiet ends here. */
  #dueAt: number | undefined
  #isErasing = false
  #isClosed = false
  #callOff = (): void => {}

  constructor(engine: Engine, locks: Locks, name: string, options: SealOptions) {
    this.#engine = engine
    this.#locks = locks
    this.#lock = `${name}/seal`
    this.#options = options
  }

  /** Looks whether there is anything to erase; called after the log moved. */
  look(): void {
    if (this.#isErasing || this.#isClosed || !this.#mayBeDue) return
    this.#callOff()
    if (this.#isDueInTail) this.#erase()
    else this.#eraseLater()
  }

  /** What was sealed is looked through when nobody waits for the disk, as far as that can be waited for. */
  #eraseLater(): void {
    const { clock } = this.#engine
    this.#dueAt ??= clock.now() + patienceMs
    const leftMs = Math.min(patienceMs, Math.max(0, this.#dueAt - clock.now()))
    this.#callOff = clock.after(Math.min(this.#options.quietMs ?? 0, leftMs), () => this.#erase())
  }

  #erase(): void {
    if (this.#isErasing || this.#isClosed) return
    this.#isErasing = true
    this.#dueAt = undefined
    this.#run()
      // Storage is full or gone, or another worker took too long.
      .catch(() => false)
      .then((isDone) => {
        this.#isErasing = false
        if (this.#isClosed) return
        if (isDone) this.look()
        else this.#callOff = this.#engine.clock.after(againMs, () => this.#erase())
      })
  }

  async #run(): Promise<boolean> {
    const { segments } = this.#engine.view.sealed
    let isDone = !(await mustErase(this.#engine))
    if (!isDone)
      await this.#locks.request(this.#lock, { timeoutMs: lockTimeoutMs }, async () => {
        await this.#engine.catchUp()
        isDone = await erase(this.#engine, this.#options)
      })
    if (isDone) this.#done = segments
    return isDone
  }

  close(): void {
    this.#callOff()
    this.#isClosed = true
  }

  get #mayBeDue(): boolean {
    return this.#engine.view.sealed.segments !== this.#done || this.#isDueInTail
  }

  get #isDueInTail(): boolean {
    const { confirmed, erased } = this.#engine.view
    const window = { after: erased.through, through: confirmed.head.position }
    return !confirmed.matching([{ types: [erasedType] }], window).next().done
  }
}
