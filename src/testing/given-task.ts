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
  /** The event asks for this. */
  thenPlanned(plan: TaskPlan<unknown>): void
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
    const { event } = triggerOf(this.#task, this.#history, fact)
    const planned = event && plan(event as never)
    if (planned !== undefined) {
      mustBeJson(planned.input)
      for (const ms of [planned.at, planned.afterMs]) mustBe(ms === undefined || isCount(ms), 'a time of a task', ms)
    }
    const match = (expected: unknown, called: unknown): void =>
      mustMatch(`${name} planned otherwise`, expected, planned, called)
    const thenPlanned: WhenPlanned['thenPlanned'] = (expected) => match(expected, thenPlanned)
    const thenNothing: WhenPlanned['thenNothing'] = () => match(undefined, thenNothing)
    return { thenPlanned, thenNothing }
  }
}
