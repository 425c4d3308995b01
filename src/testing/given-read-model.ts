import { type Doc, RowsFold } from '../consumer/rows-fold.ts'
import { decodeEvent } from '../core/decode.ts'
import { messageOf } from '../core/errors.ts'
import { definitionsOf } from '../core/event.ts'
import { scopeToSelectors } from '../core/queries.ts'
import { matches } from '../core/query.ts'
import type { AnyReadModel } from '../core/read-model.ts'
import { type History, placedIn } from './history.ts'
import { Mismatch, mustMatch } from './mismatch.ts'
import { callTwice, mapMembers, orFail, pureHandlers } from './pure.ts'

/** A read model and what happened. */
export interface GivenReadModel<Row> {
  /** It holds this row under an id; with `undefined`, none. */
  thenRow(id: string, row: Row | undefined): void
  /** It holds these rows, by their ids, and no others. */
  then(rows: Readonly<Record<string, Row>>): void
}

export class ReadModelTest implements GivenReadModel<unknown> {
  readonly #name: string
  readonly #rows: ReadonlyMap<string, Doc>

  constructor(model: AnyReadModel, history: History) {
    this.#name = model.name
    this.#rows = fold(model, history)
  }

  thenRow(id: string, row: unknown): void {
    mustMatch(`${this.#name} has another row ${id}`, row, this.#rows.get(id)?.row, this.thenRow)
  }

  // biome-ignore lint/suspicious/noThenProperty: the word of given/when/then
  then(rows: Readonly<Record<string, unknown>>): void {
    const actual = Object.fromEntries([...this.#rows].map(([id, { row }]) => [id, row]))
    mustMatch(`${this.#name} has other rows`, rows, actual, this.then)
  }
}

function fold(model: AnyReadModel, history: History): ReadonlyMap<string, Doc> {
  const { name, events, on } = model
  const definitions = definitionsOf(events)
  const rowsFold = new RowsFold({ ...model, on: pureHandlers(name, on), ids: pureIds(model) })
  const selectors = scopeToSelectors(rowsFold.scope)
  const rows = new Map<string, Doc>()
  for (const placed of placedIn(history)) {
    if (!rowsFold.types.includes(placed.type) || !matches(selectors, placed)) continue
    try {
      const step = rowsFold.stepOf(decodeEvent(definitions, placed, placed))
      for (const [id, doc] of rowsFold.rowsBehind(step, (id) => rows.get(id))) {
        if (doc === undefined) rows.delete(id)
        else rows.set(id, doc)
      }
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined
      if (cause instanceof Mismatch) throw cause
      throw new Mismatch(`${name} would park its events from ${placed.type} on: ${messageOf(error)}`, undefined, cause)
    }
  }
  return rows
}

function pureIds({ name, ids }: AnyReadModel): AnyReadModel['ids'] {
  const pure =
    <A extends readonly unknown[], R>(what: string, idsOf: (...args: A) => R) =>
    (...args: A): R =>
      callTwice(what, () => orFail(what, () => idsOf(...args)))
  if (typeof ids === 'function') return pure(`ids of ${name}`, ids)
  return mapMembers(ids, (type, idsOf) => pure(`ids of ${type} in ${name}`, idsOf))
}
