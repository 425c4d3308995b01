import { isRecord } from '../core/guard.ts'
import type { AnyFact } from '../core/prepare.ts'
import type { JsonKind, SchemaMismatch } from './types.ts'

/** Fields of one type that are remembered: data may be a dictionary. */
const fieldsMax = 1_000

type Fields = Map<string, JsonKind>

/** The kinds of fields that each type of event was seen with. */
export class KnownKinds {
  readonly #types = new Map<string, Fields>()

  /** The first event that fits neither what is known nor the events before it. */
  mismatchIn(facts: readonly AnyFact[]): SchemaMismatch | undefined {
    const before = new Map<string, Fields>()
    for (const { type, data } of facts) {
      const known = this.#types.get(type)
      const fresh = fieldsOf(before, type)
      const actual = kindsOf(data)
      const odd = actual.find(([field, kind]) => (known?.get(field) ?? fresh.get(field) ?? kind) !== kind)
      if (odd !== undefined) return mismatch(type, new Map([...fresh, ...(known ?? [])]), actual, odd)
      for (const [field, kind] of actual) fresh.set(field, kind)
    }
    return undefined
  }

  /** Notes events that the log has taken. */
  learn(facts: readonly AnyFact[]): void {
    for (const { type, data } of facts) {
      const known = fieldsOf(this.#types, type)
      for (const [field, kind] of kindsOf(data)) if (known.size < fieldsMax) known.set(field, kind)
    }
  }
}

function fieldsOf(types: Map<string, Fields>, type: string): Fields {
  const fields: Fields = types.get(type) ?? new Map()
  types.set(type, fields)
  return fields
}

const kindsOf = (data: unknown): readonly (readonly [field: string, kind: JsonKind])[] =>
  isRecord(data)
    ? Object.entries(data).flatMap(([field, value]) => (value === null ? [] : [[field, kindOf(value)] as const]))
    : []

const kindOf = (value: unknown): JsonKind => (Array.isArray(value) ? 'array' : (typeof value as JsonKind))

const mismatch = (
  eventType: string,
  expected: Fields,
  actual: readonly (readonly [string, JsonKind])[],
  [field, kind]: readonly [string, JsonKind],
): SchemaMismatch => ({
  type: 'SchemaMismatch',
  eventType,
  expected: Object.fromEntries(expected),
  actual: Object.fromEntries(actual),
  message: `${eventType}.${field} was ${expected.get(field)} so far, and is ${kind}`,
})
