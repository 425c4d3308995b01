import { type Commit, eventId } from '../core/commit.ts'
import { type DecodedEvent, decodeEvent } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { AppendRefused, ConditionConflict, Outcome, VersionConflict } from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import { prepareCommit } from '../core/prepare.ts'
import type { PlacedEvent, UnknownEvent } from '../core/recorded.ts'
import type { AppendAnswer, AppendReason, AppendRequest } from '../protocol/worker.ts'
import { type AppendArguments, conditionOf, readArguments } from './append-call.ts'
import type { Connection } from './connection.ts'

export type AnyEvent = DecodedEvent | UnknownEvent
export type AnyOutcome = Outcome<AnyEvent, AppendRefused | VersionConflict | ConditionConflict<AnyEvent>>

interface Waiting {
  readonly request: AppendRequest
  readonly answer: (answer: AppendAnswer) => void
  readonly fail: (error: unknown) => void
}

/** The page's half of appends: commits are made and checked here, and those of one tick cross as one message. */
export class Appends {
  readonly #connection: Connection
  readonly #definitions: EventMap
  readonly #clock: Clock
  readonly #random: Random
  readonly #onAnswer: (answer: AppendAnswer) => void
  #waiting: Waiting[] = []

  constructor(
    connection: Connection,
    definitions: EventMap,
    ports: { readonly clock: Clock; readonly random: Random },
    onAnswer: (answer: AppendAnswer) => void,
  ) {
    this.#connection = connection
    this.#definitions = definitions
    this.#clock = ports.clock
    this.#random = ports.random
    this.#onAnswer = onAnswer
  }

  append(args: AppendArguments): Promise<AnyOutcome> {
    const made = this.#make(args)
    if (!made.ok) return Promise.resolve(made)
    const answering = new Promise<AppendAnswer>((answer, fail) => {
      this.#waiting.push({ request: made.request, answer, fail })
    })
    if (this.#waiting.length === 1) queueMicrotask(() => this.#flush())
    return answering.then((answer) => {
      this.#onAnswer(answer)
      return toOutcome(this.#definitions, made.request.commit, made.commit, answer)
    })
  }

  #make(
    args: AppendArguments,
  ):
    | { readonly ok: true; readonly request: AppendRequest; readonly commit: Commit }
    | Extract<AnyOutcome, { ok: false }> {
    const call = readArguments(args)
    const { options } = call
    // Metadata that is undefined is left out, as in JSON.
    const metadata = options.metadata === undefined ? undefined : JSON.parse(JSON.stringify(options.metadata))
    const draft = {
      id: options.commitId ?? this.#random.newId(),
      contentId: this.#random.newId(),
      time: new Date(this.#clock.now()).toISOString(),
      events: call.events,
      metadata,
    }
    const expected = call.expectedVersion === undefined ? call.expected : undefined
    const early = expected === undefined ? undefined : conditionOf(call, expected)
    let prepared = prepareCommit(this.#definitions, { ...draft, condition: early?.condition })
    if (!prepared.ok) return prepared
    const versions = expected ?? [{ stream: onlyStream(prepared.commit), version: call.expectedVersion ?? 0 }]
    const { condition, failIf } = early ?? conditionOf(call, versions)
    if (early === undefined) prepared = prepareCommit(this.#definitions, { ...draft, condition })
    if (!prepared.ok) return prepared
    const request: AppendRequest = {
      commit: prepared.text,
      ...(versions.length > 0 ? { expected: versions } : {}),
      ...(failIf === undefined ? {} : { failIf }),
      ...(options.after === undefined ? {} : { after: options.after }),
      ...(options.durability === undefined ? {} : { durability: options.durability }),
    }
    return { ok: true, request, commit: prepared.commit }
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    const requests = batch.map(({ request }) => request)
    this.#connection
      .call((api) => api.append(requests))
      .then(
        (answers) => {
          batch.forEach(({ answer, fail }, at) => {
            const given = answers[at]
            if (given === undefined)
              fail(new TidelogError('tidelog/worker-lost', 'the worker left an append unanswered'))
            else answer(given)
          })
        },
        (error: unknown) => {
          for (const { fail } of batch) fail(error)
        },
      )
  }
}

function onlyStream(commit: Commit): string {
  const streams = new Set(commit.events.map(({ stream }) => stream))
  const [stream = ''] = streams
  mustBe(streams.size === 1, 'expectedVersion needs events of one stream; write to several as [{ stream, events }]')
  return stream
}

function toOutcome(definitions: EventMap, text: string, commit: Commit, answer: AppendAnswer): AnyOutcome {
  if (!answer.ok) return { ok: false, reason: toReason(definitions, answer.reason) }
  const { head, durable, known } = answer
  const stored = known ?? text
  const receipt = { commitId: commit.id, head, durable, versions: versionsOf(commit, answer.versions) }
  let events: readonly AnyEvent[] | undefined
  return {
    ok: true,
    receipt,
    // Most callers never look: the events are made when they do.
    get events() {
      events ??= placedOf(JSON.parse(stored), answer).map((placed) => decodeEvent(definitions, placed))
      return events
    },
  }
}

function versionsOf(commit: Commit, versions: readonly number[]): Readonly<Record<string, number>> {
  const streams = [...new Set(commit.events.map(({ stream }) => stream))]
  return Object.fromEntries(streams.map((stream, at) => [stream, versions[at] ?? 0]))
}

function placedOf(commit: Commit, answer: Extract<AppendAnswer, { ok: true }>): readonly PlacedEvent[] {
  const next = new Map(Object.entries(versionsOf(commit, answer.versions)))
  for (const { stream } of commit.events) next.set(stream, (next.get(stream) ?? 0) - 1)
  return commit.events.map((event, index) => {
    const version = (next.get(event.stream) ?? 0) + 1
    next.set(event.stream, version)
    return {
      ...event,
      id: eventId(commit, index),
      commitId: commit.id,
      time: commit.time,
      version,
      ...(commit.metadata === undefined ? {} : { metadata: commit.metadata }),
      ...(answer.first === undefined ? {} : { position: answer.first + index }),
    }
  })
}

/** Stored events as JSON text, in the shape of the model. */
export const decodeAll = (definitions: EventMap, text: string): readonly AnyEvent[] => {
  const placed: readonly PlacedEvent[] = JSON.parse(text)
  return placed.map((one) => decodeEvent(definitions, one))
}

function toReason(
  definitions: EventMap,
  reason: AppendReason,
): AppendRefused | VersionConflict | ConditionConflict<AnyEvent> {
  switch (reason.type) {
    case 'ConditionConflict': {
      const message = 'events that the condition forbids are in the log'
      return { type: reason.type, events: decodeAll(definitions, reason.events), message }
    }
    case 'IdTaken':
      return { ...reason, message: `the commit id ${reason.commitId} is known here with other content` }
    case 'MarkerExpired':
      throw new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old: read again')
    default:
      return reason
  }
}
