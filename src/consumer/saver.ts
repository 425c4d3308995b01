import { Serial } from '../log/queue.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Beside } from './context.ts'
import type { Hub } from './hub.ts'
import type { ConsumerSpec } from './options.ts'
import { PendingState } from './state.ts'
import type { Gauge } from './status.ts'
import type { Watermark } from './watermark.ts'

export interface SaverParts {
  readonly hub: Hub
  readonly spec: ConsumerSpec
  readonly gauge: Gauge
  /** None for a consumer without a name. */
  readonly checkpoints: Checkpoints | undefined
}

/** Keeps how far everything is handled, and what handlers have set, in one transaction. */
export class Saver {
  readonly state: PendingState
  readonly #parts: SaverParts
  readonly #mark: Watermark
  readonly #fail: (error: unknown) => void
  readonly #inOrder = new Serial()
  #isSaving = false
  #savedAt: number

  /** `fail` is told of what goes wrong while nobody waits for it. */
  constructor(parts: SaverParts, mark: Watermark, fail: (error: unknown) => void) {
    this.#parts = parts
    this.#mark = mark
    this.#fail = fail
    this.#savedAt = parts.hub.ports.clock.now()
    this.state = new PendingState(parts.spec, parts.checkpoints)
  }

  /** Keeps the checkpoint, with further rows. */
  save(beside?: KeptChanges): Promise<void> {
    const { checkpoints, gauge, hub } = this.#parts
    return this.#inOrder.run(async () => {
      const { position } = this.#mark
      if (checkpoints === undefined || (beside === undefined && position <= gauge.checkpoint)) return
      await this.state.save((state) => checkpoints.save(position, beside, state))
      this.#savedAt = hub.ports.clock.now()
      gauge.checkpoint = position
      gauge.tell()
    })
  }

  /** The rows that move the checkpoint to a position, for a write of the handler's own. */
  beside(position: number): Beside {
    const { checkpoints, gauge } = this.#parts
    // An event that is handled again moves nothing.
    if (position <= this.#mark.position) return { changes: {}, note: () => {} }
    const changes = checkpoints?.changesFor(position) ?? {}
    const note = (): void => {
      checkpoints?.note(position, changes)
      gauge.checkpoint = position
    }
    return { changes, note }
  }

  /** Saves when it is time to; handlers wait for it only where each event has a checkpoint of its own. */
  keepUp(): Promise<void> | undefined {
    if (this.#parts.checkpoints === undefined || !this.#isDue) return undefined
    if (this.#parts.spec.checkpoint.events === 1) return this.save()
    if (this.#isSaving) return undefined
    this.#isSaving = true
    this.save()
      .catch(this.#fail)
      .finally(() => {
        this.#isSaving = false
      })
    return undefined
  }

  get #isDue(): boolean {
    const { spec, hub, gauge } = this.#parts
    const { events, ms } = spec.checkpoint
    return this.#mark.position - gauge.checkpoint >= events || Math.abs(hub.ports.clock.now() - this.#savedAt) >= ms
  }
}
