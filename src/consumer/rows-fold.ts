import { type DecodedEvent, deepFreeze } from '../core/decode.ts'
import { messageOf, mustBe, mustKnow } from '../core/errors.ts'
import { definitionsOf } from '../core/event.ts'
import { isCount, isPromiseLike, isRecord, isText, isWellFormed } from '../core/guard.ts'
import { jsonIssues } from '../core/json.ts'
import { scopeToSelectors } from '../core/queries.ts'
import type { AnyReadModel } from '../core/read-model.ts'
import type { UnknownEvent } from '../core/recorded.ts'
import { widen, widenTypes } from '../core/widen.ts'
import type { AnyScope } from '../protocol/worker.ts'
import { isRowId, keyToText } from './rows-keys.ts'
import type { RowsProblem } from './rows-layout.ts'

export type AnyEvent = DecodedEvent | UnknownEvent

/** A row: as it is kept, as it is given, and the texts of its keys in each index. */
export interface Doc {
  readonly text: string
  readonly row: unknown
  readonly keys: Readonly<Record<string, readonly string[]>>
}
/** What has become of a stored event, and the ids of the rows that each of it concerns. */
export type Step = readonly { readonly event: AnyEvent; readonly ids: readonly string[] }[]
/** The rows that a step concerns. */
export const idsOf = (step: Step): readonly string[] => step.flatMap(({ ids }) => ids)

/** An event that a model can't take. */
export class Poison extends Error {
  readonly problem: RowsProblem
  constructor(event: { readonly id: string; readonly position?: number | undefined }, cause: unknown) {
    super(messageOf(cause), { cause })
    this.problem = { message: this.message, eventId: event.id, position: event.position ?? 0 }
  }
}

type IdsOf = (event: AnyEvent) => unknown
type KeysOf = (row: unknown, id: string) => unknown
type Handler = (row: unknown, event: AnyEvent, id: string) => unknown

/** A read model at work: pure, but for the model's own functions. */
export class RowsFold {
  readonly model: AnyReadModel
  /** Where to look, and under which types. */
  readonly scope: AnyScope
  readonly types: readonly string[]
  readonly #isAsked: (event: AnyEvent) => boolean
  readonly #idsOf: IdsOf
  readonly #on: Readonly<Record<string, Handler>>
  readonly #indexes: readonly (readonly [name: string, keysOf: KeysOf])[]

  /** Throws `tidelog/argument` for a definition that makes no sense. */
  constructor(model: AnyReadModel) {
    mustBeReadModel(model)
    const { query, stream, ids, on, indexes = {} } = model
    const definitions = definitionsOf(model.events)
    const { scope, isAsked } = widen<AnyScope>(definitions, { query: query as AnyScope['query'], stream })
    this.model = model
    this.scope = scope
    this.types = widenTypes(definitions, Object.keys(on))
    this.#isAsked = isAsked
    this.#idsOf = typeof ids === 'function' ? (ids as IdsOf) : (event) => Object(ids)[event.type](event)
    this.#on = on as Readonly<Record<string, Handler>>
    this.#indexes = Object.entries(indexes) as readonly (readonly [string, KeysOf])[]
  }

  /** What a stored event is for the rows. Throws {@link Poison}. */
  stepOf(events: readonly AnyEvent[]): Step {
    return events.flatMap((event) => this.#stepOf(event) ?? [])
  }

  #stepOf(event: AnyEvent): Step[number] | undefined {
    // What was erased is as if it had never been.
    if (event.type === '$unknown' && 'isErased' in event && event.isErased) return undefined
    // A part that is none of its own.
    if (event.type !== '$unknown' && !(Object.hasOwn(this.#on, event.type) && this.#isAsked(event))) return undefined
    try {
      mustBe(event.type !== '$unknown', 'an event', `${event.type}: its data is of a version that is not known here`)
      const answer = this.#idsOf(event)
      const ids = Array.isArray(answer) ? [...new Set(answer)] : [answer]
      for (const id of ids) mustBe(isRowId(id), 'the id of a row', id)
      return { event, ids }
    } catch (error) {
      throw new Poison(event, error)
    }
  }

  /** The rows behind a step: all of them, or none. Throws {@link Poison}. */
  rowsBehind(step: Step, before: (id: string) => Doc | undefined): ReadonlyMap<string, Doc | undefined> {
    const rows = new Map<string, Doc | undefined>()
    for (const { event, ids } of step) {
      const next = ids.map((id) => [id, this.#apply(rows.has(id) ? rows.get(id) : before(id), event, id)] as const)
      for (const [id, doc] of next) rows.set(id, doc)
    }
    return rows
  }

  /** A row behind an event; the same when nothing has changed. Throws {@link Poison}. */
  #apply(doc: Doc | undefined, event: AnyEvent, id: string): Doc | undefined {
    try {
      const next = (this.#on[event.type] as Handler)(doc?.row, event, id)
      if (next === doc?.row) return doc
      return next === undefined ? undefined : this.docOf(next, id)
    } catch (error) {
      throw new Poison(event, error)
    }
  }

  /** Takes a row apart from what made it: text and back, so that it is what a later read gives. */
  docOf(row: unknown, id: string): Doc {
    mustBe(!isPromiseLike(row), 'a row', 'a promise')
    const [issue] = jsonIssues(row)
    mustBe(issue === undefined, `a row${issue?.path ?? ''}`, issue?.message)
    return this.read(JSON.stringify(row), id)
  }

  /** A row as it is kept. */
  read(text: string, id: string): Doc {
    const row = deepFreeze(JSON.parse(text))
    const keys: Record<string, readonly string[]> = {}
    for (const [name, keysOf] of this.#indexes) {
      const found = keysOf(row, id)
      mustBe(Array.isArray(found), `the keys of index ${name}`, found)
      keys[name] = [...new Set(found.map((key) => toText(name, key)))]
    }
    return { text, row, keys }
  }
}

function toText(index: string, key: unknown): string {
  const text = keyToText(key)
  mustBe(text !== undefined, `a key of index ${index}`, key)
  return text
}

const known = 'name version query stream ids on indexes upgrade events'

function mustBeReadModel(model: AnyReadModel): void {
  mustBe(isRecord(model), 'a read model', model)
  mustKnow(model, known)
  const { name, version, events, query, stream, ids, on, indexes = {}, upgrade } = model
  mustBe(isText(name, 64) && isWellFormed(name), 'a name', name)
  mustBe(isCount(version, 1), 'version', version)
  const definitions = definitionsOf(events)
  scopeToSelectors({ query: query as AnyScope['query'], stream })
  mustBe(isRecord(on) && Object.keys(on).length > 0, 'on', on)
  for (const [type, handler] of Object.entries(on)) {
    mustBe(type in definitions && !definitions[type]?.last, 'a handler', type)
    mustBe(typeof handler === 'function', `on.${type}`, handler)
    const idsOf = isRecord(ids) ? ids[type] : ids
    mustBe(typeof idsOf === 'function', `ids of ${type}`, idsOf)
  }
  mustBe(isRecord(indexes), 'indexes', indexes)
  for (const [index, keysOf] of Object.entries(indexes)) {
    mustBe(isText(index, 64) && isWellFormed(index), 'an index', index)
    mustBe(typeof keysOf === 'function', `indexes.${index}`, keysOf)
  }
  mustBe(upgrade === undefined || typeof upgrade === 'function', 'upgrade', upgrade)
}
