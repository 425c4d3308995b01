import type { RefusalData } from '../core/command.ts'
import { type Commit, eventId, type StoredEvent } from '../core/commit.ts'
import type { AnyDecider } from '../core/decider.ts'
import { type DecodedEvent, decodeAll, decodeIn } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isRecord } from '../core/guard.ts'
import { mustBeJson } from '../core/json.ts'
import {
  type AppendRefused,
  type ConditionConflict,
  type Issue,
  issuesToText,
  type Outcome,
  type VersionConflict,
} from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import { type AnyFact, checkData, prepareEvent } from '../core/prepare.ts'
import type { PlacedEvent, UnknownEvent } from '../core/recorded.ts'
import { timeNow } from '../core/time.ts'
import { widenQuery } from '../core/widen.ts'
import type { AppendAnswer, AppendCall, AppendText } from '../protocol/worker.ts'
import type { Call } from './connection.ts'

export type AnyEvent = DecodedEvent | UnknownEvent
type AnyRefusal = AppendRefused | VersionConflict | ConditionConflict<AnyEvent> | RefusalData
export type AnyOutcome = Outcome<AnyEvent, AnyRefusal>
type AnyAppendOptions = AppendCall['options'] & Partial<Pick<Commit, 'metadata'>> & { readonly commitId?: string }
interface AnyWrite {
  readonly stream?: string | undefined
  readonly events: readonly AnyFact[]
  readonly expectedVersion?: unknown
}
export type AppendArguments =
  | readonly [stream: string, events: readonly AnyFact[], options?: AnyAppendOptions]
  | readonly [events: readonly (AnyFact | AnyWrite)[], options?: AnyAppendOptions]

/** The page's half of what writes: facts and commands are checked and turned into text here. */
export interface Writes {
  readonly append: (...args: AppendArguments) => Promise<AnyOutcome>
  readonly execute: (decider: AnyDecider, command: unknown, options?: AnyAppendOptions) => Promise<AnyOutcome>
}

/** What is asked for in one tick crosses as one message. */
export function createWrites(
  call: Call,
  definitions: EventMap,
  deciders: readonly AnyDecider[],
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  onAnswer: (answer: AppendAnswer) => void,
): Writes {
  let batch: Batch | undefined
  const begin = (): Batch => {
    const end = (): void => {
      if (batch === own) batch = undefined
    }
    // Asked for at once, so that a close of this tick waits for it. Those that follow in this tick join before it is taken.
    const answers = call((api) => {
      end()
      return api.append(own.texts)
    })
    const own: Batch = { texts: [], answers: answers.finally(end) }
    return own
  }
  // The only asynchronous step of an append: each one more would be paid by every append of a tick.
  const send = async (read: () => Asked): Promise<AnyOutcome> => {
    const { writes, command, events, issues, options: given } = read()
    if (given !== undefined) mustBeJson(given)
    if (issues.length > 0) {
      return { ok: false, reason: { type: 'Invalid', issues, message: issuesToText(issues) } }
    }
    const { commitId: id = random.newId(), metadata, ...options } = given ?? {}
    const commit: Commit = { id, contentId: random.newId(), time: timeNow(clock), metadata, command, events }
    // Text from here on: what the caller does to its data later must not show in what was recorded.
    const text = JSON.stringify(commit)
    batch ??= begin()
    const at = batch.texts.push([text, JSON.stringify({ writes, options })]) - 1
    const answer = (await batch.answers)[at] as AppendAnswer
    onAnswer(answer)
    return toOutcome(definitions, id, answer, text)
  }
  return {
    append: (...args) => send(() => readArguments(definitions, args)),
    execute: (decider, command, options) =>
      send(() => {
        mustBe(deciders.includes(decider), 'a decider', decider?.name)
        const { name, version: v } = decider
        const issues: Issue[] = []
        const data = checkData(decider.command, command, 'command', issues)
        return { command: { name, v, data }, events: [], issues, options }
      }),
  }
}

/** Appends that are sent together, and what the worker will answer to each. */
interface Batch {
  readonly texts: AppendText[]
  readonly answers: Promise<readonly AppendAnswer[]>
}

type WriteCall = NonNullable<AppendCall['writes']>[number]
interface Asked extends Pick<AppendCall, 'writes'>, Pick<Commit, 'command'> {
  readonly options: AnyAppendOptions | undefined
  readonly events: readonly StoredEvent[]
  readonly issues: readonly Issue[]
}

/** The three ways to write an append as one: events, and how many of them each write to a stream has. */
function readArguments(definitions: EventMap, args: AppendArguments): Asked {
  const stream = typeof args[0] === 'string' ? args[0] : undefined
  const [given, options] = (stream === undefined ? args : args.slice(1)) as readonly [
    readonly (AnyFact | AnyWrite)[],
    AnyAppendOptions?,
  ]
  const issues: Issue[] = []
  const events: StoredEvent[] = []
  const take = ({ events: facts, ...write }: AnyWrite): WriteCall => {
    mustBe(Array.isArray(facts), 'events', facts)
    for (const fact of facts) events.push(prepareEvent(definitions, fact, write.stream, events.length, issues))
    return { ...write, count: facts.length }
  }
  const isWrites = stream === undefined && Array.isArray(given) && given.some((one) => isRecord(one) && 'events' in one)
  const writes = ((isWrites ? given : [{ stream, events: given }]) as readonly AnyWrite[]).map(take)
  const query = options?.failIfEventsMatch
  return {
    writes,
    events,
    issues,
    options: query ? { ...options, failIfEventsMatch: widenQuery(definitions, query) } : options,
  }
}

type Taken = Extract<AppendAnswer, { ok: true }>

/** What the worker answered, as the caller gets it. `sent` is the commit as this page sent it; another one is in the answer. */
export function toOutcome(definitions: EventMap, commitId: string, answer: AppendAnswer, sent?: string): AnyOutcome {
  if (!answer.ok) return { ok: false, reason: toReason(definitions, answer) }
  const { head, durable, known = sent } = answer
  const placed = (): readonly PlacedEvent[] => placedOf(JSON.parse(known as string), answer)
  let events: readonly AnyEvent[] | undefined
  // Most callers never look at events and versions: they are made when somebody does.
  const outcome: Extract<AnyOutcome, { ok: true }> = {
    ok: true,
    receipt: {
      commitId,
      head,
      durable,
      get versions() {
        return Object.fromEntries(placed().map(({ stream, version }) => [stream, version]))
      },
    },
    get events() {
      events ??= decodeAll(definitions, placed())
      return events
    },
  }
  return outcome
}

const placedOf = (commit: Commit, { first, versions }: Taken): readonly PlacedEvent[] =>
  commit.events.map((event, index) => ({
    ...event,
    id: eventId(commit, index),
    commitId: commit.id,
    time: commit.time,
    version: versions[index] as number,
    metadata: commit.metadata,
    position: first && first + index,
  }))

function toReason(definitions: EventMap, { reason }: Extract<AppendAnswer, { ok: false }>): AnyRefusal {
  if (reason.type === 'Error') throw new TidelogError(reason.code, reason.message)
  if (reason.type === 'Refused') return reason.refusal
  return reason.type === 'ConditionConflict' ? decodeIn(definitions, reason) : reason
}
