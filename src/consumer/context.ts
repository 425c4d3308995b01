import { nameOf } from '../core/recorded.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import type { ConsumerSpec } from './options.ts'
import type { PendingState, StateDraft } from './state.ts'
import type { ConsumerState, HandlerContext } from './types.ts'

interface ContextPorts {
  readonly spec: ConsumerSpec
  readonly signal: AbortSignal
  readonly state: PendingState
  /** The rows that move the checkpoint to a position, for a write of the handler's own. */
  readonly beside: (position: number) => Beside
}
/** Rows for somebody else's transaction, and what is said when they are kept. */
export interface Beside {
  readonly changes: KeptChanges
  readonly note: () => void
}

interface PlacedEvent {
  readonly id: string
  readonly part?: number | undefined
  readonly position?: number | undefined
}
/** What the parts of one stored event have in common while they are tried. */
interface Shared {
  draft?: StateDraft
}

/** What a handler is given beside the event; made for each try, so what few use is made when it is used. */
export class Context implements HandlerContext {
  readonly attempt: number
  readonly #ports: ContextPorts
  readonly #event: PlacedEvent
  readonly #shared: Shared
  readonly #isLast: boolean
  #signal: AbortSignal
  #acknowledge = (): void => {}

  /** With all parts of a stored event handled, the event is. */
  constructor(ports: ContextPorts, event: PlacedEvent, attempt: number, shared: Shared = {}, isLast = true) {
    this.#ports = ports
    this.#event = event
    this.attempt = attempt
    this.#shared = shared
    this.#isLast = isLast
    this.#signal = ports.signal
  }

  get signal(): AbortSignal {
    return this.#signal
  }

  get key(): string {
    return `${this.#ports.spec.name ?? ''}/${nameOf(this.#event)}`
  }

  get state(): ConsumerState {
    this.#shared.draft ??= this.#ports.state.begin()
    return this.#shared.draft
  }

  readonly ack = (): void => this.#acknowledge()

  /** The same for a time that has a signal of its own. */
  during(signal: AbortSignal): this {
    this.#signal = signal
    return this
  }

  /** Resolves when the handler has acknowledged; rejects when the signal is aborted. */
  acknowledged(): Promise<void> {
    const signal = this.#signal
    const acknowledged = new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(signal.reason)
      signal.addEventListener('abort', abort)
      this.#acknowledge = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
    })
    acknowledged.catch(() => {})
    return acknowledged
  }

  /** The rows that take the event for handled. */
  beside(): Beside {
    if (!this.#isLast) return { changes: {}, note: () => {} }
    return this.#ports.beside(this.#event.position ?? 0)
  }

  /** Makes what the handler has set part of what is kept next. */
  take(): void {
    this.#shared.draft?.take()
  }
}
