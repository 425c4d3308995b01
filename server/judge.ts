import type { Commit } from '../src/core/commit.ts'
import type { Selector } from '../src/core/query.ts'
import type { Problem, Verdict } from '../src/protocol/sync.ts'
import type { Placeable } from './sequence.ts'
import type { Tail } from './tail.ts'

/** A commit that may be sequenced if its condition holds. */
export interface Candidate extends Placeable {
  readonly condition: Commit['condition']
  /** What else must not be there: the end of one of its streams. */
  readonly closing: readonly Selector[]
}
/** A commit that can't be had whatever the log holds: invalid, forbidden or too large. */
export interface Rejected {
  readonly id: string
  readonly contentId: string
  readonly problem: Problem
}

export interface Judgement {
  /** One for each commit of the run, in its order. */
  readonly verdicts: readonly Verdict[]
  /** What is to be sequenced at the head of the tail, in order. */
  readonly accepted: readonly Candidate[]
}

const conflictPositionsMax = 100

/**
 * Judges a run of commits against the log after what its device had seen.
 * 1. The first that is neither accepted nor a duplicate fences: all behind it is held, unlooked at. Whoever made it may
 *    have decided on what stands before it.
 * 2. A duplicate fences too when its stored content differs, or when it lies in the log before an earlier commit of this
 *    run: then the log holds another history than the one that the run was made in.
 * 3. "Own", which no condition forbids, is only what stands earlier in this run with the same content. A device id would
 *    be shared by a cloned profile, and a commit id by another decision of the same command.
 */
export function judge(run: readonly (Candidate | Rejected)[], tail: Tail): Judgement {
  const verdicts: Verdict[] = []
  const accepted: Candidate[] = []
  const placed = new Map<string, { readonly contentId: string; readonly last: number }>()
  const own = new Set<number>()
  let head = tail.head().position
  let lastPlace = 0
  let fenced = false

  for (const commit of run) {
    const { id, contentId } = commit
    if ('problem' in commit) {
      // Static verdicts are given to all, also behind a fence: they hold whatever becomes of the rest.
      verdicts.push({ id, verdict: 'rejected', contentId, problem: commit.problem })
      fenced = true
      continue
    }
    if (fenced) {
      verdicts.push({ id, verdict: 'held' })
      continue
    }
    const stored = placed.get(id) ?? tail.find(id)
    if (stored !== undefined) {
      verdicts.push({ id, verdict: 'duplicate', position: stored.last })
      fenced = stored.contentId !== contentId || stored.last < lastPlace
      own.add(stored.last)
      lastPlace = Math.max(lastPlace, stored.last)
      continue
    }
    const positions = tail.forbidden(commit, own, conflictPositionsMax)
    if (positions.length > 0) {
      verdicts.push({ id, verdict: 'conflict', positions })
      fenced = true
      continue
    }
    head += commit.eventsCount
    lastPlace = head
    placed.set(id, { contentId, last: head })
    accepted.push(commit)
    verdicts.push({ id, verdict: 'accepted', position: head })
  }
  return { verdicts, accepted }
}
