import type { Reactor, Task } from '../core/automation.ts'
import type { AnyDecider, Decider } from '../core/decider.ts'
import { mustBe } from '../core/errors.ts'
import { definitionsOf, type EventMap, type Events } from '../core/event.ts'
import type { Projection } from '../core/projection.ts'
import type { AnyReadModel, ReadModel } from '../core/read-model.ts'
import { DeciderTest, type GivenDecider } from './given-decider.ts'
import { type AnyProjection, type GivenProjection, ProjectionTest } from './given-projection.ts'
import { type GivenReactor, ReactorTest } from './given-reactor.ts'
import { type GivenReadModel, ReadModelTest } from './given-read-model.ts'
import { type GivenTask, TaskTest } from './given-task.ts'
import { type Given, toHistory } from './history.ts'

type Params<P> = P extends void ? [] : [params: P]

/**
 * Begins a test in one sentence: `given(addItem, [events.CartCreated(…)]).when(command).thenRefused('CartFull')`. What
 * happened is read by the schemas, brought up by the upcasters and chosen by the scope, as the log does it. A failed
 * expectation throws an `AssertionError` that shows what differs; a test that makes no sense throws `tidelog/argument`.
 */
export function given<M extends EventMap, N extends string, C, S, D>(
  decider: Decider<M, N, C, S, D>,
  happened: readonly Given<NoInfer<M>>[],
): GivenDecider<C, D>
export function given<M extends EventMap>(reactor: Reactor<M>, happened: readonly Given<NoInfer<M>>[]): GivenReactor<M>
export function given<M extends EventMap>(task: Task<M>, happened?: readonly Given<NoInfer<M>>[]): GivenTask<M>
export function given<M extends EventMap, S, P = void>(
  projection: Projection<M, S, P>,
  happened: readonly Given<NoInfer<M>>[],
  ...params: Params<NoInfer<P>>
): GivenProjection<S>
export function given<M extends EventMap, Row>(
  readModel: ReadModel<M, Row>,
  happened: readonly Given<NoInfer<M>>[],
): GivenReadModel<Row>
export function given(
  subject: AnyDecider | AnyProjection | AnyReadModel | Reactor | Task,
  happened: readonly unknown[] = [],
  params?: unknown,
): unknown {
  mustBe(typeof subject === 'object' && subject !== null && 'events' in subject, 'what is tested', subject)
  const history = toHistory(definitionsOf(subject.events as Events<EventMap>), happened)
  if ('kind' in subject)
    return subject.kind === 'task' ? new TaskTest(subject, history) : new ReactorTest(subject, history)
  if ('ids' in subject) return new ReadModelTest(subject, history)
  return 'decide' in subject ? new DeciderTest(subject, history) : new ProjectionTest(subject, history, params)
}
