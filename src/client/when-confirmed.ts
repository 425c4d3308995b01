import { decodeIn } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'

export type Asked = readonly [
  commit: { readonly commitId: string; readonly versions?: Readonly<Record<string, number>> },
  options?: { readonly signal?: AbortSignal },
]

/** Waits until the sequencer has said yes or no to a commit. Rejects with `tidelog/aborted`, or for an unknown commit. */
export async function whenConfirmed(
  call: Call,
  feed: Feed,
  definitions: EventMap,
  ...[{ commitId, versions }, { signal } = {}]: Asked
): Promise<unknown> {
  // Nothing was written for it.
  if (versions && Object.keys(versions).length === 0) return { status: 'nothing-to-do' }
  for (;;) {
    // Listening comes before asking, so that a move in between is not missed.
    const moved = feed.nextMove(signal)
    const end = await call((api) => api.commitState(commitId))
    mustBe(end.status !== 'unknown', 'a commit', commitId)
    if (end.status !== 'pending') return decodeIn(definitions, end)
    await moved
    if (signal?.aborted) throw new TidelogError('tidelog/aborted', 'aborted')
  }
}
