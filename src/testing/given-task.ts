import type { Task, TaskPlan } from '../core/automation.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isCount } from '../core/guard.ts'
import { mustBeJson } from '../core/json.ts'
import type { Given, History } from './history.ts'
import { mustMatch } from './mismatch.ts'
import { triggerOf } from './trigger.ts'

/** A task and what happened before. */
export interface GivenTask<M extends EventMap> {
  /** Hands it a confirmed event. */
  plans(fact: Given<M>): WhenPlanned
}

/** What a task made of an event. */
export interface WhenPlanned {
  /** The event asks for this; what it has become, where that is several, for all of these. */
  thenPlanned(...plans: readonly [TaskPlan<unknown>, ...(readonly TaskPlan<unknown>[])]): void
  /** The event asks for nothing. */
  thenNothing(): void
}

export class TaskTest<M extends EventMap> implements GivenTask<M> {
  readonly #task: Task<M>
  readonly #history: History

  constructor(task: Task<M>, history: History) {
    this.#task = task
    this.#history = history
  }

  plans(fact: Given<M>): WhenPlanned {
    const { name, plan } = this.#task
    const { events } = triggerOf(this.#task, this.#history, fact)
    const all = events.flatMap((event) => plan(event as never) ?? [])
    const planned = all.length > 1 ? all : all[0]
    for (const planned of all) {
      mustBeJson(planned.input)
      for (const ms of [planned.at, planned.afterMs]) mustBe(ms === undefined || isCount(ms), 'a time of a task', ms)
    }
    const match = (expected: unknown, called: unknown): void =>
      mustMatch(`${name} planned otherwise`, expected, planned, called)
    const thenPlanned: WhenPlanned['thenPlanned'] = (...expected) =>
      match(expected.length > 1 ? expected : expected[0], thenPlanned)
    const thenNothing: WhenPlanned['thenNothing'] = () => match(undefined, thenNothing)
    return { thenPlanned, thenNothing }
  }
}
