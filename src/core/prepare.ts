import { type StoredEvent, toTag } from './commit.ts'
import { mustBe } from './errors.ts'
import { type EventMap, runSchema } from './event.ts'
import { jsonIssues } from './json.ts'
import { tagLengthMax, tagsPerEventMax } from './limits.ts'
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
  at: string,
  issues: Issue[],
): StoredEvent {
  const type = fact?.type
  const def = definitions[type]
  mustBe(def !== undefined, `the type of ${at}`, type)
  const path = `${at}.data`
  const checked = runSchema(def.schema, fact.data, path)
  const data = checked.ok ? checked.value : undefined
  const found = checked.ok ? jsonIssues(data, path) : checked.issues
  issues.push(...found)
  if (found.length > 0) return { type, stream: '', data }
  const tags = tagsOf(def.tags, data as Readonly<Record<string, unknown>>, path, issues)
  return {
    type,
    stream: givenStream ?? def.stream?.(data as never) ?? '',
    data,
    tags: tags.length > 0 ? tags : undefined,
    v: def.version > 1 ? def.version : undefined,
  }
}

function tagsOf(
  keys: readonly string[],
  data: Readonly<Record<string, unknown>> | null,
  path: string,
  issues: Issue[],
): readonly string[] {
  const tags = new Set<string>()
  for (const key of keys)
    for (const value of [data?.[key]].flat()) {
      if (value === undefined || value === null) continue
      const tag = toTag(key, value as string)
      if ((typeof value !== 'string' && typeof value !== 'number') || tag.length > tagLengthMax)
        issues.push({ path: `${path}.${key}`, message: `is no string or number of at most ${tagLengthMax} characters` })
      tags.add(tag)
    }
  if (tags.size > tagsPerEventMax) issues.push({ path, message: `has more than ${tagsPerEventMax} tags` })
  return [...tags]
}
