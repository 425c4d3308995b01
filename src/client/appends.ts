import { type Commit, eventId, type StoredEvent } from '../core/commit.ts'
import { type DecodedEvent, decodeAll } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { mustBeJson } from '../core/json.ts'
import type { AppendRefused, ConditionConflict, Issue, Outcome, VersionConflict } from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import { type AnyFact, prepareEvent } from '../core/prepare.ts'
import type { PlacedEvent, UnknownEvent } from '../core/recorded.ts'
import type { AppendAnswer, AppendCall, AppendText } from '../protocol/worker.ts'
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
  let batch: AppendText[] = []
  let answers: Promise<readonly AppendAnswer[]> | undefined
  const flush = (): Promise<readonly AppendAnswer[]> => {
    const own = batch
    const take = (): void => {
      if (batch !== own) return
      batch = []
      answers = undefined
    }
    // Asked for at once, so that a close of this tick waits for it. Those that follow in this tick join before it is taken.
    return call((api) => {
      take()
      return api.append(own)
    }).finally(take)
  }
  return async (args) => {
    const { writes, events, issues, commitId, options } = readArguments(definitions, args)
    if (issues.length > 0) {
      const message = `nothing was written: ${issues.map((issue) => `${issue.path} ${issue.message}`).join('; ')}`
      return { ok: false, reason: { type: 'Invalid', issues, message } }
    }
    const { metadata } = options
    const head = {
      id: commitId ?? random.newId(),
      contentId: random.newId(),
      time: new Date(clock.now()).toISOString(),
    }
    // Text from here on: what the caller does to its data later must not show in what was recorded.
    const text = JSON.stringify(events)
    const at = batch.push([JSON.stringify({ ...head, writes, options }), text]) - 1
    const streams = events.map(({ stream }) => stream)
    answers ??= flush()
    const answer = (await answers)[at]
    if (answer === undefined) throw new TidelogError('tidelog/worker-lost', 'no answer')
    if (!answer.ok) return { ok: false, reason: toReason(definitions, answer) }
    return toOk(definitions, head.id, streams, answer, () => ({ ...head, metadata, events: JSON.parse(text) }))
  }
}

interface ReadArguments extends Pick<AppendCall, 'writes' | 'options'> {
  readonly events: readonly StoredEvent[]
  readonly issues: readonly Issue[]
  readonly commitId: string | undefined
}

/** The three ways to write an append as one: events, and how many of them each write to a stream has. */
function readArguments(definitions: EventMap, args: AppendArguments): ReadArguments {
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
  const events: StoredEvent[] = []
  const writes = ((isWrites ? given : [one]) as readonly AnyWrite[]).map(({ events: facts, ...write }) => {
    mustBe(Array.isArray(facts), 'events', facts)
    for (const fact of facts) events.push(prepareEvent(definitions, fact, write.stream, events.length, issues))
    return { ...write, count: facts.length }
  })
  return { writes, events, issues, commitId, options }
}

const isWrite = (value: unknown): boolean => typeof value === 'object' && value !== null && 'events' in value

type Taken = Extract<AppendAnswer, { ok: true }>

function toOk(
  definitions: EventMap,
  commitId: string,
  streams: readonly string[],
  answer: Taken,
  sent: () => Commit,
): AnyOutcome {
  const { head, durable, known } = answer
  const commit = (): Commit => (known === undefined ? sent() : JSON.parse(known))
  let versions: Readonly<Record<string, number>> | undefined
  let events: readonly AnyEvent[] | undefined
  // Most callers never look at versions and events: they are made when somebody does.
  return {
    ok: true,
    receipt: {
      commitId,
      head,
      durable,
      get versions() {
        versions ??= Object.fromEntries(streams.map((stream, at) => [stream, answer.versions[at] ?? 0]))
        return versions
      },
    },
    get events() {
      events ??= decodeAll(definitions, placedOf(commit(), answer))
      return events
    },
  }
}

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
      const message = 'the condition does not hold'
      return { ...reason, events: decodeAll(definitions, reason.events), message }
    }
    case 'IdTaken':
      return { ...reason, message: 'known with other content' }
    case 'Argument':
      throw new TidelogError('tidelog/argument', reason.message)
    case 'MarkerExpired':
      throw new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old')
    default:
      return reason
  }
}
