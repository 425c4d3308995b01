import { type AnyLog, insideOf } from '../client/inside.ts'
import { readLog } from '../client/reads.ts'
import type { Metadata } from '../core/commit.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import { closedType, erasedType, isErasureData } from '../core/lifecycle.ts'
import { mustBeStreamName } from '../core/queries.ts'
import type { UnknownEvent } from '../core/recorded.ts'

/** What the log keeps of an erasure. */
export interface ErasureRecord {
  /** The stream, or the pattern of streams, whose events were removed. */
  readonly stream: string
  readonly isPattern: boolean
  /** The last position that it removed; absent while it is pending and takes all before it. */
  readonly through: number | undefined
  readonly reason: string | undefined
  /** ISO 8601, by the clock of the device that asked for it. */
  readonly time: string
  readonly metadata: Metadata
  /** Of the erasure itself; absent while it is pending. */
  readonly position: number | undefined
  readonly commitId: string
}

const ownEvents = async (log: AnyLog, type: string, stream?: string): Promise<readonly UnknownEvent[]> => {
  const { call, definitions } = insideOf(log)
  const read = readLog(call, definitions, { stream, query: { types: [type] }, unknown: 'yield' })
  return (await read.all()).events.filter((event): event is UnknownEvent => event.type === '$unknown')
}

/** The audit record: what was erased, by whom and when, in log order; what retention removed stands there too. */
export async function listErasures(log: AnyLog): Promise<readonly ErasureRecord[]> {
  const events = await ownEvents(log, erasedType)
  return events.map(({ stream, time, metadata, position, data, commitId }) => {
    const { through, isPattern = false, reason } = isErasureData(data) ? data : {}
    return {
      stream,
      isPattern,
      through: through ?? (position && position - 1),
      reason,
      time,
      metadata,
      position,
      commitId,
    }
  })
}

/** Whether a stream was closed. */
export async function isClosed(log: AnyLog, stream: string): Promise<boolean> {
  mustBeStreamName(stream)
  return (await ownEvents(log, closedType, stream)).length > 0
}

/**
 * Waits until an erasure is carried out on this device: nothing of it is on the disk any more, and no view shows it. Rejects with
 * `tidelog/aborted`, or when the commit ends without the log.
 */
export async function whenErased(
  log: AnyLog,
  { commitId }: { readonly commitId: string },
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { call, feed } = insideOf(log)
  for (;;) {
    // Listening comes before asking, so that a move in between is not missed.
    const moved = feed.nextMove(signal)
    const end = await call((api) => api.commitState(commitId))
    mustBe(end.status === 'pending' || end.status === 'confirmed', 'an erasure', end.status)
    if (end.status === 'confirmed') {
      const { erased } = await call((api) => api.heads([]))
      if (erased >= end.position) return
    }
    await moved
    if (signal?.aborted) throw new TidelogError('tidelog/aborted', 'aborted')
  }
}
