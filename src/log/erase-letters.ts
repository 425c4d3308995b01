import type { Commit } from '../core/commit.ts'
import { type Erasure, erasing, type IsErased } from '../core/lifecycle.ts'
import { deadLetterChain, type StateRow } from '../protocol/rows.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import { blankEvent } from '../segments/erase-part.ts'
import type { Request, Store } from '../store/store.ts'
import { forget } from './dead-letters.ts'
import { chainsFrom } from './kept.ts'

/** An erasure as it came here. */
export interface OwnErasure extends Erasure {
  /** Of the write that brought it. */
  readonly revision: number
}

/** Where a commit lies that has no place in the log, nothing is later. */
export const nowhere = 0

/** Whether a commit was made from what is to be removed, as far as its condition tells. */
export const hasRead = ({ condition }: Commit, isErased: IsErased): boolean =>
  (condition?.streams ?? []).some((stream) => isErased({ type: '', stream }, nowhere))

interface Removing {
  readonly erasures: readonly OwnErasure[]
  readonly isErased: IsErased
}

/** What removes erased events from the dead letters, and the letters that go as a whole. */
export async function lettersWithout(
  store: Store,
  removing: Removing,
): Promise<{ readonly requests: readonly Request[]; readonly gone: readonly string[] }> {
  const requests: Request[] = []
  const gone: string[] = []
  const [rows] = await store.run([chainsFrom(deadLetterChain)])
  for (const row of rows) {
    const left = letterWithout(row, removing)
    if (left === undefined) {
      gone.push(String(row.id))
      requests.push(...forget(String(row.id)))
    } else if (left !== row) requests.push({ op: 'put', store: 'state', row: left })
  }
  return { requests, gone }
}

/** A letter that is older than the erasure of its stream goes. A younger one stays, without the events that it quotes. */
function letterWithout(row: StateRow, { erasures, isErased }: Removing): StateRow | undefined {
  const commit: Commit = JSON.parse(String(row.commit))
  const reason: DeadLetterData['reason'] = JSON.parse(String(row.reason))
  const isGone = erasing(erasures.filter(({ isWhole, revision }) => isWhole && row.n < revision))
  if (commit.events.some((event) => isGone(event, nowhere)) || hasRead(commit, isGone)) return undefined
  if (reason.type === 'Confirmed') {
    const first = reason.position
    return commit.events.some((event, at) => isErased(event, first + at)) ? undefined : row
  }
  if (!('events' in reason)) return row
  const events = reason.events.map((event) =>
    event.position !== undefined && isErased(event, event.position)
      ? { ...event, ...blankEvent(event), metadata: undefined }
      : event,
  )
  const isTouched = events.some((event, at) => event !== reason.events[at])
  if (!isTouched && !hasRead(commit, isErased)) return row
  // What a decider says of its "no" it may have from the events.
  const left = 'refusal' in reason ? { refusal: { ...reason.refusal, data: null }, events } : { events }
  return { ...row, reason: JSON.stringify({ ...reason, ...left }) }
}
