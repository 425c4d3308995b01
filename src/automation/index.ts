import type { AnyLog } from '../client/inside.ts'
import type { Log } from '../client/types.ts'
import { createTasks, type Tasks } from '../consumer/tasks-view.ts'
import { createTranslatorOver, type Translation, type Translator } from '../consumer/translator.ts'
import type { AnyDecider } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import { hubOf } from '../subscribe/hub-of.ts'

export type { TaskRecord } from '../consumer/task-rows.ts'
export type { TaskState, Tasks } from '../consumer/tasks-view.ts'
export type { Translation, Translator, UntranslatedMessage } from '../consumer/translator.ts'
export {
  type AnyAutomation,
  defineReactor,
  defineTask,
  type Facts,
  type Reactor,
  type ReactorContext,
  type ReactorDef,
  type RunsOn,
  type Task,
  type TaskContext,
  type TaskDef,
  type TaskPlan,
} from '../core/automation.ts'

/** The tasks of a log, to be shown, cancelled, tried again and forgotten; `close()` ends following them. */
export const tasksOf = (log: AnyLog): Tasks => createTasks(hubOf(log).ports)

/**
 * Brings the messages of an external source into a log, in order of their offsets: what a message means is appended in one
 * write with its offset, so that a message that comes again changes nothing.
 */
export const createTranslator = <M extends EventMap, Ds extends AnyDecider>(
  log: Log<M, Ds>,
  source: string,
  translate: (message: unknown) => Translation<M, Ds>,
): Translator =>
  createTranslatorOver(hubOf(log).ports, source, translate as (message: unknown) => Translation<EventMap>)
