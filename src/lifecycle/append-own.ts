import { type AnyOutcome, toOutcome } from '../client/appends.ts'
import { type AnyLog, insideOf } from '../client/inside.ts'
import type { Commit, Metadata } from '../core/commit.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import { closedType, type ErasureData, erasedType } from '../core/lifecycle.ts'
import type { AppendRefused, Outcome, VersionConflict } from '../core/outcome.ts'
import { mustBeStreamName } from '../core/queries.ts'
import type { UnknownEvent } from '../core/recorded.ts'
import { timeNow } from '../core/time.ts'
import type { AppendAnswer } from '../protocol/worker.ts'

/** Options of {@link closeStream} and {@link eraseStream}. */
export interface LifecycleOptions {
  /** Kept with the event for whoever reads it later; no personal data belongs here. */
  readonly reason?: string
  /** Names the commit: the same call again is the same event. */
  readonly commitId?: string
  readonly metadata?: Metadata
}
export type LifecycleOutcome = Outcome<UnknownEvent, AppendRefused | VersionConflict>

/**
 * Closes a stream for good, by its last event: appends that come after it, from any device, are refused as `StreamClosed`, and
 * those that were pending when it came become dead letters. `expectedVersion` as for an append.
 */
export function closeStream(
  log: AnyLog,
  stream: string,
  { expectedVersion, ...options }: LifecycleOptions & { readonly expectedVersion?: number | 'exists' } = {},
): Promise<LifecycleOutcome> {
  return appendOwn(log, stream, closedType, options, { expectedVersion })
}

/**
 * Removes the data and metadata of all events that a stream holds, on every device and at the server, once it is confirmed there.
 * Ids, types, versions, positions and tags stay. What comes later to the stream is kept.
 */
export const eraseStream = (log: AnyLog, stream: string, options: LifecycleOptions = {}): Promise<LifecycleOutcome> =>
  appendOwn(log, stream, erasedType, options, {})

async function appendOwn(
  log: AnyLog,
  stream: string,
  type: typeof closedType | typeof erasedType,
  { reason, commitId, metadata, ...unknown }: LifecycleOptions,
  conditions: { readonly expectedVersion?: number | 'exists' | undefined },
): Promise<LifecycleOutcome> {
  const { call, definitions, ports } = insideOf(log)
  mustKnow(unknown, '')
  mustBeStreamName(stream)
  mustBe(reason === undefined || typeof reason === 'string', 'reason', reason)
  const id = commitId ?? ports.random.newId()
  const data: ErasureData = reason === undefined ? {} : { reason }
  const events = [{ type, stream, data }]
  const commit: Commit = { id, contentId: ports.random.newId(), time: timeNow(ports.clock), metadata, events }
  const text = JSON.stringify(commit)
  const answers = await call((api) => api.append([[text, JSON.stringify({ options: conditions })]]))
  const outcome: AnyOutcome = toOutcome(definitions, id, answers[0] as AppendAnswer, text)
  // An event of the log's own is decoded as one that no model knows, and such an append has no query.
  return outcome as LifecycleOutcome
}
