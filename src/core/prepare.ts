import type { Commit, CommitCondition, Metadata, StoredEvent } from './commit.ts'
import { toTag } from './commit.ts'
import { mustBe } from './errors.ts'
import { type EventMap, runSchema } from './event.ts'
import { fitsBytes, jsonIssues } from './json.ts'
import { commitBytesMax, commitEventsMax, tagLengthMax, tagsPerEventMax } from './limits.ts'
import type { Invalid, Issue, TooLarge } from './outcome.ts'
import { mustBeStreamName } from './queries.ts'

/** A fact on its way to a stream; without a stream it goes where its definition says. */
export interface Addressed {
  readonly fact: { readonly type: string; readonly data: unknown }
  readonly stream?: string
}
export interface Draft {
  readonly id: string
  readonly contentId: string
  readonly time: string
  readonly events: readonly Addressed[]
  readonly condition: CommitCondition | undefined
  readonly metadata: Metadata | undefined
}
export type Prepared =
  | { readonly ok: true; readonly commit: Commit; readonly text: string }
  | { readonly ok: false; readonly reason: Invalid | TooLarge }

/** Turns facts into a commit as JSON text. Says everything that is wrong with the data; throws for misuse. */
export function prepareCommit(definitions: EventMap, draft: Draft): Prepared {
  mustBe(draft.events.length > 0, 'an append needs at least one event')
  if (draft.events.length > commitEventsMax) return tooLarge('events', commitEventsMax)
  const issues: Issue[] = []
  const events = draft.events.map((addressed, index) => prepareEvent(definitions, addressed, index, issues))
  if (issues.length > 0) return invalid(issues)
  const commit: Commit = {
    id: draft.id,
    contentId: draft.contentId,
    time: draft.time,
    events,
    ...(draft.condition === undefined ? {} : { condition: draft.condition }),
    ...(draft.metadata === undefined ? {} : { metadata: draft.metadata }),
  }
  const text = JSON.stringify(commit)
  return fitsBytes(text, commitBytesMax) ? { ok: true, commit, text } : tooLarge('bytes', commitBytesMax)
}

function prepareEvent(definitions: EventMap, addressed: Addressed, index: number, issues: Issue[]): StoredEvent {
  const { fact } = addressed
  mustBe(typeof fact === 'object' && fact !== null, `events[${index}] must be a fact made by a creator`)
  const { type } = fact
  const def = Object.hasOwn(definitions, type) ? definitions[type] : undefined
  mustBe(def !== undefined, `events[${index}]: this log has no event called ${String(type)}`)
  const path = `events[${index}].data`
  const checked = runSchema(def.schema, fact.data, path)
  const data = checked.ok ? checked.value : fact.data
  if (!checked.ok) issues.push(...checked.issues)
  else if (data === undefined) issues.push({ path, message: 'undefined is not JSON' })
  else issues.push(...jsonIssues(data, path))
  if (issues.length > 0) return { type, stream: '', data: null }
  const stream = addressed.stream ?? def.stream?.(data as never)
  mustBe(stream !== undefined, `events[${index}]: ${type} names no stream, so the append has to`)
  mustBeStreamName(stream)
  const tags = tagsOf(def.tags, data, path, issues)
  return { type, stream, data, ...(tags.length > 0 ? { tags } : {}), ...(def.version > 1 ? { v: def.version } : {}) }
}

function tagsOf(keys: readonly string[], data: unknown, path: string, issues: Issue[]): readonly string[] {
  if (keys.length === 0 || typeof data !== 'object' || data === null) return []
  const tags = new Set<string>()
  for (const key of keys) {
    const value: unknown = Object.hasOwn(data, key) ? data[key as keyof typeof data] : undefined
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === undefined || one === null) continue
      if (typeof one !== 'string' && typeof one !== 'number')
        issues.push({ path: `${path}.${key}`, message: 'a tag must be a string or a number' })
      else if (String(one).length + key.length >= tagLengthMax)
        issues.push({ path: `${path}.${key}`, message: `a tag has at most ${tagLengthMax} characters` })
      else tags.add(toTag(key, one))
    }
  }
  if (tags.size > tagsPerEventMax) issues.push({ path, message: `an event has at most ${tagsPerEventMax} tags` })
  return [...tags]
}

const invalid = (issues: readonly Issue[]): Prepared => ({
  ok: false,
  reason: {
    type: 'Invalid',
    issues,
    message: `nothing was written: ${issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`,
  },
})
const tooLarge = (what: 'bytes' | 'events', max: number): Prepared => ({
  ok: false,
  reason: { type: 'TooLarge', what, max, message: `nothing was written: a commit has at most ${max} ${what}` },
})
