import { mustBe } from '../core/errors.ts'
import { mustBeJson } from '../core/json.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { ConsumerSpec } from './options.ts'
import type { ConsumerState } from './types.ts'

/** The state as one try of a handler sees it; `take` makes what it has set part of the rest. */
export interface StateDraft extends ConsumerState {
  readonly take: () => void
}

/** What handlers have set and the next save of the checkpoint keeps. */
export class PendingState {
  readonly #spec: ConsumerSpec
  readonly #checkpoints: Checkpoints | undefined
  #unsaved = new Map<string, unknown>()
  /** What is on its way to the disk. */
  #saving: ReadonlyMap<string, unknown> = new Map()

  constructor(spec: ConsumerSpec, checkpoints: Checkpoints | undefined) {
    this.#spec = spec
    this.#checkpoints = checkpoints
  }

  begin(): StateDraft {
    const own = new Map<string, unknown>()
    return {
      get: async (key) => {
        const checkpoints = this.#use(key)
        for (const map of [own, this.#unsaved, this.#saving]) if (map.has(key)) return map.get(key)
        return checkpoints.stateOf(key)
      },
      set: (key, value) => {
        this.#use(key)
        if (value !== undefined) mustBeJson(value)
        own.set(key, value === undefined ? undefined : JSON.parse(JSON.stringify(value)))
      },
      take: () => {
        for (const [key, value] of own) this.#unsaved.set(key, value)
      },
    }
  }

  /** Hands over all that is to be kept; what could not be kept stays. */
  async save(keep: (state: ReadonlyMap<string, unknown>) => Promise<void>): Promise<void> {
    const unsaved = this.#unsaved
    this.#saving = unsaved
    this.#unsaved = new Map()
    try {
      await keep(unsaved)
    } catch (error) {
      this.#unsaved = new Map([...unsaved, ...this.#unsaved])
      throw error
    } finally {
      this.#saving = new Map()
    }
  }

  #use(key: string): Checkpoints {
    const { concurrency, ack, checkpoint } = this.#spec
    mustBe(checkpoint.store === undefined, 'state', 'kept apart from the checkpoint')
    mustBe(this.#checkpoints !== undefined, 'state', 'of a consumer without a name')
    mustBe(concurrency === 1 && ack !== 'manual', 'state', 'of events that are handled side by side')
    mustBe(typeof key === 'string' && key.length > 0 && key.length <= 512, 'a key', key)
    return this.#checkpoints
  }
}
