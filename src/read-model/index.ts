import { RowsFold } from '../consumer/rows-fold.ts'
import type { EventMap, Events } from '../core/event.ts'
import type { AnyReadModel, ReadModel, ReadModelDef } from '../core/read-model.ts'

export type { RowsProblem } from '../consumer/rows-layout.ts'
export type { IndexKey, ReadModel, ReadModelDef, RowFold } from '../core/read-model.ts'
export type { CountOptions, FindOptions } from './asking.ts'
export type { LiveQuery } from './live.ts'
export { type Found, type OpenReadModel, openReadModel } from './open.ts'
export type { ReadModelStatus } from './status.ts'

/** Defines rows that are folded from events. Throws `tidelog/argument` for what makes no sense. */
export function defineReadModel<M extends EventMap, Row>(
  events: Events<M>,
  def: ReadModelDef<M, Row>,
): ReadModel<M, Row> {
  const model = { ...def, events }
  return new RowsFold(model as AnyReadModel).model
}
