import { type StoredEvent, toTag } from './commit.ts'
import { mustBe } from './errors.ts'
import { type EventDef, type EventMap, runSchema } from './event.ts'
import { jsonIssues } from './json.ts'
import { tagsPerEventMax } from './limits.ts'
import type { Issue } from './outcome.ts'
import { mustBeStreamName } from './queries.ts'
import { isTag } from './query.ts'

/** A fact as a caller hands it in. */
export interface AnyFact {
  readonly type: string
  readonly data: unknown
}

/**
 * Turns a fact into an event as it is stored, for the given stream or the one that its definition names. What is wrong
 * with the data is added to `issues`; throws for a fact that the log does not know.
 */
export function prepareEvent(
  definitions: EventMap,
  fact: AnyFact,
  givenStream: string | undefined,
  index: number,
  issues: Issue[],
): StoredEvent {
  const type = fact?.type
  const def = definitions[type]
  mustBe(def !== undefined && !def.last, `events[${index}].type`, type)
  const { schema, version, stream, tags: keys } = def
  const before = issues.length
  const data = checkData(schema, fact.data, `events[${index}].data`, issues)
  if (issues.length > before) return { type, stream: '', data }
  return {
    type,
    stream: givenStream ?? stream?.(data as never) ?? '',
    data,
    tags: keys.length > 0 ? tagsOf(keys, data as Readonly<Record<string, unknown>>) : undefined,
    v: version > 1 ? version : undefined,
  }
}

/** Runs the schema over data that is to be kept, and answers what came of it; what is wrong is added to `issues`. */
export function checkData(schema: EventDef['schema'], value: unknown, place: string, issues: Issue[]): unknown {
  const checked = runSchema(schema, value)
  const data = checked.ok ? checked.value : undefined
  for (const { path, message } of checked.ok ? jsonIssues(data) : checked.issues)
    issues.push({ path: place + path, message })
  return data
}

function tagsOf(keys: readonly string[], data: Readonly<Record<string, unknown>> | null): readonly string[] {
  const tags: string[] = []
  for (const key of keys) {
    const value = data?.[key] ?? []
    for (const one of Array.isArray(value) ? value : [value]) {
      mustBe(typeof one === 'string' || typeof one === 'number', `the tag ${key}`, one)
      const tag = toTag(key, one)
      if (!tags.includes(tag)) tags.push(tag)
    }
  }
  return tags
}

/** Refuses events without a stream, and tags that no query could name. */
export function mustBeStorable(events: readonly StoredEvent[]): void {
  for (const { stream, tags } of events) {
    mustBeStreamName(stream)
    if (tags !== undefined) mustBe(tags.length <= tagsPerEventMax && tags.every(isTag), 'tags', tags)
  }
}
