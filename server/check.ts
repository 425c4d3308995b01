import { type Commit, isCommit } from '../src/core/commit.ts'
import { type EventDef, type EventMap, runSchema } from '../src/core/event.ts'
import { isRecord, isText } from '../src/core/guard.ts'
import { closingOf, erasedType, isErasureData } from '../src/core/lifecycle.ts'
import { commitBytesMax, commitEventsMax, commitIdMax, queryItemsMax } from '../src/core/limits.ts'
import { fitsBytes } from '../src/core/text-size.ts'
import type { Problem } from '../src/protocol/sync.ts'
import { dataProblem } from './json-data.ts'
import type { Candidate, Rejected } from './judge.ts'
import type { Actor, SyncHandlerOptions } from './options.ts'
import { problemOf, refuse } from './problems.ts'

/** What static verdicts depend on. */
export interface CheckContext {
  readonly actor: Actor | undefined
  /** As its clients call it. */
  readonly log: string
  readonly definitions: EventMap | undefined
  readonly authorizeCommit: SyncHandlerOptions<EventMap>['authorizeCommit']
  readonly validate: SyncHandlerOptions<EventMap>['validate']
}

const issuesMax = 10

/** A commit as it is stored: its condition is checked, and then forgotten. */
type Content = Omit<Commit, 'condition'>

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
  const content = known(value)
  const text = JSON.stringify(content)
  if (!fitsBytes(text, commitBytesMax))
    return rejected(
      problemOf('commit-too-large', 'The commit is too large', `At most ${commitBytesMax} bytes of JSON.`),
    )
  const stored = stamped(content, context.actor)
  const { condition } = value
  const { actor, log } = context
  const shown: Commit = condition === undefined ? stored : { ...stored, condition }
  // Before the schemas: who may not append a commit learns nothing about it.
  if (context.authorizeCommit !== undefined && (await context.authorizeCommit({ actor, log, commit: shown })) !== true)
    return rejected(problemOf('forbidden', 'You may not append this commit'))
  const invalid = schemaProblem(stored, context.definitions) ?? (await context.validate?.(shown, { actor, log }))
  if (invalid !== undefined) return rejected(invalid)
  const eventsCount = stored.events.length
  const closing = closingOf(stored.events)
  return { id, contentId, condition, closing, eventsCount, text: stored === content ? text : JSON.stringify(stored) }
}

/** What the guard lets pass and JSON text or the judge could not take. */
function shapeProblem(commit: Commit): Problem | undefined {
  const malformed = (detail: string): Problem => problemOf('malformed', 'The commit is malformed', detail)
  const { streams = [], query = [] } = commit.condition ?? {}
  if (streams.length > commitEventsMax || query.length > queryItemsMax) return malformed('The condition is too long.')
  for (const [index, event] of commit.events.entries()) {
    if (event.type === erasedType && !isErasureData(event.data)) return malformed(`events[${index}].data is no erasure`)
    const problem = dataProblem(event.data)
    if (problem !== undefined) return malformed(`events[${index}].data${problem}`)
  }
  return undefined
}

/** What this version knows of a commit, and nothing else: what nobody checked is neither stored nor sent to others. */
const known = ({ id, contentId, time, events, metadata }: Commit): Content => ({
  id,
  contentId,
  time,
  events: events.map(({ type, stream, data, tags, v, isErased }) => ({ type, stream, data, tags, v, isErased })),
  metadata,
})

function schemaProblem(commit: Content, definitions: EventMap | undefined): Problem | undefined {
  if (definitions === undefined) return undefined
  for (const [index, { type, v = 1, data, isErased }] of commit.events.entries()) {
    const def = Object.hasOwn(definitions, type) ? definitions[type] : undefined
    // Other versions pass: the device may be newer than this server, or the event from before an update.
    if (def === undefined || def.version !== v || isErased) continue
    const checked = runSchema(firstIssuesOf(def.schema), data)
    if (checked.ok) continue
    const detail = checked.issues.map(({ path, message }) => `events[${index}].data${path}: ${message}`).join('; ')
    return problemOf('invalid', 'The data of an event is invalid', detail.slice(0, 2_000))
  }
  return undefined
}

/** A list of all issues, each with its path, could be far larger than the commit that they are about. */
function firstIssuesOf(schema: EventDef['schema']): EventDef['schema'] {
  const standard = schema['~standard']
  const validate: typeof standard.validate = (value) => {
    const result = standard.validate(value)
    return 'issues' in result && result.issues !== undefined ? { issues: result.issues.slice(0, issuesMax) } : result
  }
  return { '~standard': { ...standard, validate } }
}

/** Who did it is what the server knows, never what the device says. */
function stamped(commit: Content, actor: Actor | undefined): Content {
  if (actor !== undefined) return { ...commit, metadata: { ...commit.metadata, actor: actor.id } }
  if (commit.metadata?.actor === undefined) return commit
  const { actor: _forged, ...metadata } = commit.metadata
  return { ...commit, metadata }
}
