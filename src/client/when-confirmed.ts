import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isText } from '../core/guard.ts'
import { commitIdMax } from '../core/limits.ts'
import type { CommitState } from '../protocol/worker.ts'
import type { Connection } from './connection.ts'
import { reasonOf } from './dead-letters.ts'
import type { Feed } from './feed.ts'
import type { Confirmation } from './types.ts'

/** Waits until the sequencer has said yes or no to a commit. Rejects with `tidelog/aborted`, or for an unknown commit. */
export async function whenConfirmed<M extends EventMap>(
  connection: Connection,
  feed: Feed,
  definitions: EventMap,
  commitId: string,
  signal: AbortSignal | undefined,
): Promise<Confirmation<M>> {
  mustBe(isText(commitId, commitIdMax), 'whenConfirmed takes a receipt')
  for (;;) {
    // Listening comes before asking, so that a move in between is not missed.
    const moved = nextMove(feed, signal)
    const state = await connection.call((api) => api.commitState(commitId))
    if (state.state !== 'pending') {
      moved.stop()
      return toConfirmation(definitions, commitId, state)
    }
    await moved.happened
  }
}

function nextMove(
  feed: Feed,
  signal: AbortSignal | undefined,
): { readonly happened: Promise<void>; readonly stop: () => void } {
  let stop = (): void => {}
  const happened = new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      stop()
      reject(new TidelogError('tidelog/aborted', 'waiting for the confirmation was aborted'))
    }
    const stopFeed = feed.onMoved(() => {
      stop()
      resolve()
    })
    stop = () => {
      stopFeed()
      signal?.removeEventListener('abort', abort)
    }
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort)
  })
  happened.catch(() => {})
  return { happened, stop: () => stop() }
}

function toConfirmation<M extends EventMap>(
  definitions: EventMap,
  commitId: string,
  state: Exclude<CommitState, { state: 'pending' }>,
): Confirmation<M> {
  switch (state.state) {
    case 'confirmed':
      return { status: 'confirmed', position: state.position }
    case 'withdrawn':
      return { status: 'withdrawn' }
    case 'refused': {
      const reason = reasonOf<M>(definitions, state.letter)
      return reason.type === 'Rejected'
        ? { status: 'rejected', problem: reason.problem }
        : { status: 'conflict', events: reason.events }
    }
    case 'unknown':
      throw new TidelogError('tidelog/argument', `no commit ${commitId} is known on this device`)
  }
}
