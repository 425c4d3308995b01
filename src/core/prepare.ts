import { type StoredEvent, toTag } from './commit.ts'
import { mustBe } from './errors.ts'
import { type EventMap, runSchema } from './event.ts'
import { jsonIssues } from './json.ts'
import type { Issue } from './outcome.ts'

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
  mustBe(def !== undefined, `the type of events[${index}]`, type)
  const { schema, version, stream, tags: keys } = def
  const checked = runSchema(schema, fact.data)
  const data = checked.ok ? checked.value : undefined
  const found = checked.ok ? jsonIssues(data) : checked.issues
  for (const { path, message } of found) issues.push({ path: `events[${index}].data${path}`, message })
  if (found.length > 0) return { type, stream: '', data }
  return {
    type,
    stream: givenStream ?? stream?.(data as never) ?? '',
    data,
    tags: keys.length > 0 ? tagsOf(keys, data as Readonly<Record<string, unknown>>) : undefined,
    v: version > 1 ? version : undefined,
  }
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
