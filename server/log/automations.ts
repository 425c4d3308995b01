import { Hub } from '../../src/consumer/hub.ts'
import type { ConsumerPorts } from '../../src/consumer/ports.ts'
import { runReactor } from '../../src/consumer/reactor-runner.ts'
import { TaskRunner } from '../../src/consumer/task-runner.ts'
import type { AnyAutomation } from '../../src/core/automation.ts'
import { longestWaitMs } from '../../src/core/backoff.ts'
import { isTidelogError } from '../../src/core/errors.ts'

/** What runs by itself. */
export interface Running {
  /** Has it look again at what others have done to its tasks and failures. */
  kick(): void
  stop(): Promise<unknown>
}
export interface AutomationParts {
  /** Where the consumers of the log are shown. */
  readonly shown: Hub
  readonly isClosed: () => boolean
  readonly onError: (error: unknown) => void
}

/** A store that fails is asked again after so long; doubles up to the longest wait. */
const againMs = 100
const againMsMax = 5_000

/** Runs the reactors and tasks that belong to the server. A store that fails for a while holds them up, and ends none of them. */
export function runAutomations(automations: readonly AnyAutomation[], parts: AutomationParts): readonly Running[] {
  const hub = new PatientHub(parts)
  const isAnyones = (): boolean => true
  return automations
    .filter(({ on }) => on === 'server')
    .map((one) => (one.kind === 'task' ? new TaskRunner(hub, one, isAnyones) : runReactor(hub, one, isAnyones)))
}

class PatientHub extends Hub {
  readonly #shown: Hub

  constructor(parts: AutomationParts) {
    const { ports } = parts.shown
    super({ ...ports, call: patient(ports, parts) })
    this.#shown = parts.shown
  }

  override enlist(...[gauge]: Parameters<Hub['enlist']>): () => void {
    return this.#shown.enlist(gauge)
  }
}

/** Calls that are repeated while the store fails: each may be, since what is appended or added is found again. */
function patient(
  { call, clock }: Pick<ConsumerPorts, 'call' | 'clock'>,
  { isClosed, onError }: AutomationParts,
): ConsumerPorts['call'] {
  return async (use) => {
    for (let failures = 1; ; failures++)
      try {
        return await call(use)
      } catch (error) {
        // What tidelog itself says is no matter of time.
        if (isTidelogError(error) || isClosed()) throw error
        onError(error)
        const ms = longestWaitMs(failures, againMs, againMsMax)
        await new Promise<void>((resolve) => void clock.after(ms, resolve))
      }
  }
}
