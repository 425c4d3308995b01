import { decodeAll } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { Confirmation } from './types.ts'

/** Waits until the sequencer has said yes or no to a commit. Rejects with `tidelog/aborted`, or for an unknown commit. */
export async function whenConfirmed<M extends EventMap>(
  call: Call,
  feed: Feed,
  definitions: EventMap,
  commitId: string,
  signal: AbortSignal | undefined,
): Promise<Confirmation<M>> {
  for (;;) {
    // Listening comes before asking, so that a move in between is not missed.
    const moved = feed.nextMove(signal)
    const end = await call((api) => api.commitState(commitId))
    mustBe(end.status !== 'unknown', 'a commit', end.status)
    const final = end.status === 'conflict' ? { ...end, events: decodeAll(definitions, end.events) } : end
    if (final.status !== 'pending') return final as Confirmation<M>
    await moved
    if (signal?.aborted === true) throw new TidelogError('tidelog/aborted', 'no longer waiting')
  }
}
