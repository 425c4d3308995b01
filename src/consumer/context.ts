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
  readonly position?: number | undefined
}

/** What a handler is given beside the event; made for each try, so what few use is made when it is used. */
export class Context implements HandlerContext {
  readonly attempt: number
  readonly #ports: ContextPorts
  readonly #event: PlacedEvent
  #signal: AbortSignal
  #draft: StateDraft | undefined
  #acknowledge = (): void => {}

  constructor(ports: ContextPorts, event: PlacedEvent, attempt: number) {
    this.#ports = ports
    this.#event = event
    this.attempt = attempt
    this.#signal = ports.signal
  }

  get signal(): AbortSignal {
    return this.#signal
  }

  get key(): string {
    return `${this.#ports.spec.name ?? ''}/${this.#event.id}`
  }

  get state(): ConsumerState {
    this.#draft ??= this.#ports.state.begin()
    return this.#draft
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
    return this.#ports.beside(this.#event.position ?? 0)
  }

  /** Makes what the handler has set part of what is kept next. */
  take(): void {
    this.#draft?.take()
  }
}
