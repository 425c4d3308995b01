import { type Commit, eventId } from '../core/commit.ts'
import { type DecodedEvent, decodeAll } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { mustBeJson } from '../core/json.ts'
import type { AppendRefused, ConditionConflict, Issue, Outcome, VersionConflict } from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import { type AnyFact, prepareEvent } from '../core/prepare.ts'
import type { PlacedEvent, UnknownEvent } from '../core/recorded.ts'
import type { AppendAnswer, AppendCall } from '../protocol/worker.ts'
import type { Call } from './connection.ts'

export type AnyEvent = DecodedEvent | UnknownEvent
type AnyRefusal = AppendRefused | VersionConflict | ConditionConflict<AnyEvent>
export type AnyOutcome = Outcome<AnyEvent, AnyRefusal>
type AnyAppendOptions = AppendCall['options'] & { readonly commitId?: string }
interface AnyWrite {
  readonly stream?: string | undefined
  readonly events: readonly AnyFact[]
  readonly expectedVersion?: unknown
}
export type AppendArguments =
  | readonly [stream: string, events: readonly AnyFact[], options?: AnyAppendOptions]
  | readonly [events: readonly (AnyFact | AnyWrite)[], options?: AnyAppendOptions]

/** The page's half of `append`: facts are checked and turned into text here, and those of one tick cross as one message. */
export function createAppend(
  call: Call,
  definitions: EventMap,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): (args: AppendArguments) => Promise<AnyOutcome> {
  let batch: string[] = []
  let answers: Promise<readonly AppendAnswer[]> | undefined
  const flush = (): Promise<readonly AppendAnswer[]> => {
    const full = batch
    batch = []
    answers = undefined
    return call((api) => api.append(full))
  }
  return async (args) => {
    const { writes, issues, commitId, options } = readArguments(definitions, args)
    if (issues.length > 0) {
      const message = `nothing was written: ${issues.map((issue) => `${issue.path} ${issue.message}`).join('; ')}`
      return { ok: false, reason: { type: 'Invalid', issues, message } }
    }
    const time = new Date(clock.now()).toISOString()
    const append: AppendCall = { id: commitId ?? random.newId(), contentId: random.newId(), time, writes, options }
    // Text from here on: what the caller does to its data later must not show in what was recorded.
    const text = JSON.stringify(append)
    const at = batch.push(text) - 1
    // Those that follow in this tick join before the batch is taken.
    answers ??= Promise.resolve().then(flush)
    const answer = (await answers)[at]
    if (answer === undefined) throw new TidelogError('tidelog/worker-lost', 'an append was left unanswered')
    if (!answer.ok) return { ok: false, reason: toReason(definitions, answer) }
    return toOk(definitions, append, text, answer)
  }
}

/** The three ways to write an append as one: writes to streams, each with its events. */
function readArguments(
  definitions: EventMap,
  args: AppendArguments,
): Pick<AppendCall, 'writes' | 'options'> & {
  readonly issues: readonly Issue[]
  readonly commitId: string | undefined
} {
  const stream = typeof args[0] === 'string' ? args[0] : undefined
  const [given, { commitId, ...options } = {}] = (stream === undefined ? args : args.slice(1)) as readonly [
    readonly (AnyFact | AnyWrite)[],
    AnyAppendOptions?,
  ]
  mustBe(Array.isArray(given), 'events', given)
  mustBeJson(options)
  const isWrites = stream === undefined && given.some(isWrite)
  const one = { stream, events: given, expectedVersion: options.expectedVersion }
  const issues: Issue[] = []
  let index = 0
  const writes = ((isWrites ? given : [one]) as readonly AnyWrite[]).map((write) => {
    mustBe(Array.isArray(write.events), 'events', write.events)
    const events = write.events.map((fact) =>
      prepareEvent(definitions, fact, write.stream, `events[${index++}]`, issues),
    )
    return { ...write, events }
  })
  return { writes, issues, commitId, options }
}

const isWrite = (value: unknown): boolean => typeof value === 'object' && value !== null && 'events' in value

type Taken = Extract<AppendAnswer, { ok: true }>

function toOk(definitions: EventMap, call: AppendCall, text: string, answer: Taken): AnyOutcome {
  const { head, durable, known } = answer
  const streams = call.writes.flatMap((write) => write.events.map(({ stream }) => stream))
  const versions = Object.fromEntries(streams.map((stream, at) => [stream, answer.versions[at] ?? 0]))
  let events: readonly AnyEvent[] | undefined
  return {
    ok: true,
    receipt: { commitId: call.id, head, durable, versions },
    // Most callers never look: the events are made when they do.
    get events() {
      const commit = known === undefined ? toCommit(JSON.parse(text)) : JSON.parse(known)
      events ??= decodeAll(definitions, placedOf(commit, answer))
      return events
    },
  }
}

const toCommit = ({ options, writes, ...rest }: AppendCall): Commit => ({
  ...rest,
  metadata: options.metadata,
  events: writes.flatMap((write) => write.events),
})

const placedOf = (
  { id, contentId, events, time, metadata }: Commit,
  { first, versions }: Taken,
): readonly PlacedEvent[] =>
  events.map((event, index) => ({
    ...event,
    id: eventId({ contentId }, index),
    commitId: id,
    time,
    version: versions[index] ?? 0,
    metadata,
    position: first === undefined ? first : first + index,
  }))

function toReason(definitions: EventMap, { reason }: Extract<AppendAnswer, { ok: false }>): AnyRefusal {
  switch (reason.type) {
    case 'ConditionConflict': {
      const message = 'events that the condition forbids are in the log'
      return { ...reason, events: decodeAll(definitions, reason.events), message }
    }
    case 'IdTaken':
      return { ...reason, message: 'the commit id is known with other content' }
    case 'Argument':
      throw new TidelogError('tidelog/argument', reason.message)
    case 'MarkerExpired':
      throw new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old')
    default:
      return reason
  }
}
