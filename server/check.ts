import { type Commit, isCommit } from '../src/core/commit.ts'
import { type EventMap, runSchema } from '../src/core/event.ts'
import { isRecord, isText } from '../src/core/guard.ts'
import { jsonIssues } from '../src/core/json.ts'
import { commitBytesMax, commitEventsMax, commitIdMax, queryItemsMax } from '../src/core/limits.ts'
import { fitsBytes } from '../src/core/text-size.ts'
import type { Problem } from '../src/protocol/sync.ts'
import type { Candidate, Rejected } from './judge.ts'
import type { Actor, SyncHandlerOptions } from './options.ts'
import { problemOf, refuse } from './problems.ts'

/** What static verdicts depend on. */
export interface CheckContext {
  readonly actor: Actor | undefined
  readonly log: string
  readonly definitions: EventMap | undefined
  readonly validate: SyncHandlerOptions<EventMap>['validate']
}

/** Gives the static verdict of one commit of a run: a candidate for the log, or rejected for good. */
export async function check(value: unknown, context: CheckContext): Promise<Candidate | Rejected> {
  // A verdict names the id and the content it was given for. Without them there can be none, so the run can't be judged.
  if (!isRecord(value) || !isText(value.id, commitIdMax) || !isText(value.contentId, commitIdMax))
    return refuse(400, 'commit-id', 'Every commit needs an id and a contentId')
  const { id, contentId } = value
  const rejected = (problem: Problem): Rejected => ({ id, contentId, problem })

  if (!isCommit(value)) return rejected(problemOf('malformed', 'The commit is malformed'))
  const shape = shapeProblem(value)
  if (shape !== undefined) return rejected(shape)
  const { condition, ...content } = value
  const text = toText(content)
  if (text === undefined) return rejected(problemOf('malformed', 'The commit is malformed', 'It is nested too deeply.'))
  if (!fitsBytes(text, commitBytesMax))
    return rejected(
      problemOf('commit-too-large', 'The commit is too large', `At most ${commitBytesMax} bytes of JSON.`),
    )
  const invalid = schemaProblem(value, context.definitions) ?? (await context.validate?.(value, context))
  if (invalid !== undefined) return rejected(invalid)
  const stored = stamped(content, context.actor)
  const eventsCount = value.events.length
  return { id, contentId, condition, eventsCount, text: stored === content ? text : JSON.stringify(stored) }
}

/** What the guard lets pass and a store, JSON text or the judge could not take. */
function shapeProblem(commit: Commit): Problem | undefined {
  const malformed = (detail: string): Problem => problemOf('malformed', 'The commit is malformed', detail)
  // A lone surrogate or a NUL does not survive every database, and a changed id would be a new commit.
  if (/[\p{Cc}\p{Cs}]/u.test(commit.id + commit.contentId))
    return malformed('An id holds control characters or half a surrogate pair.')
  const { streams = [], query = [] } = commit.condition ?? {}
  if (streams.length > commitEventsMax || query.length > queryItemsMax) return malformed('The condition is too long.')
  for (const [index, event] of commit.events.entries()) {
    const issue = jsonIssues(event.data)[0]
    if (issue !== undefined) return malformed(`events[${index}].data${issue.path}: ${issue.message}`)
  }
  return undefined
}

/** Fields that this version does not know are kept, but they can be nested deeper than JSON.stringify can go. */
function toText(commit: Omit<Commit, 'condition'>): string | undefined {
  try {
    return JSON.stringify(commit)
  } catch {
    return undefined
  }
}

function schemaProblem(commit: Commit, definitions: EventMap | undefined): Problem | undefined {
  if (definitions === undefined) return undefined
  for (const [index, { type, v = 1, data }] of commit.events.entries()) {
    const def = Object.hasOwn(definitions, type) ? definitions[type] : undefined
    // Other versions pass: the device may be newer than this server, or the event from before an update.
    if (def === undefined || def.version !== v) continue
    const checked = runSchema(def.schema, data)
    if (checked.ok) continue
    const detail = checked.issues.map(({ path, message }) => `events[${index}].data${path}: ${message}`).join('; ')
    return problemOf('invalid', 'The data of an event is invalid', detail.slice(0, 2_000))
  }
  return undefined
}

/** Who did it is what the server knows, never what the device says. */
function stamped(commit: Omit<Commit, 'condition'>, actor: Actor | undefined): Omit<Commit, 'condition'> {
  if (actor !== undefined) return { ...commit, metadata: { ...commit.metadata, actor: actor.id } }
  if (commit.metadata?.actor === undefined) return commit
  const { actor: _forged, ...metadata } = commit.metadata
  return { ...commit, metadata }
}
