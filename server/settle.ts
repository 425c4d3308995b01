import { createBreather } from '../src/core/breather.ts'
import type { Clock } from '../src/core/ports.ts'
import type { Seen, Verdict } from '../src/protocol/sync.ts'
import { type Candidate, judge, type Rejected } from './judge.ts'
import type { Observe } from './observe.ts'
import type { SyncLimits } from './options.ts'
import { refuse } from './problems.ts'
import { sequence } from './sequence.ts'
import type { LogStore, RangeLimits, SequencedCommit } from './store.ts'
import { readStored } from './stored.ts'
import { createTail, type Tail } from './tail.ts'

/** How long one push is worked on before others get their turn. */
const breathMs = 10
/** Devices that are further behind than others have much to read of their own, and are settled alone. */
const lagTogetherMax = 1_000

/** A run that a device wants to have in a log. */
export interface Push {
  readonly log: string
  /** The log as clients call it. */
  readonly name: string
  readonly seen: Seen
  readonly run: readonly (Candidate | Rejected)[]
}

export type Settled =
  | { readonly status: 'verdicts'; readonly verdicts: readonly Verdict[] }
  | { readonly status: 'pull-first' }

/** What settling needs of a handler. */
export interface Settling {
  readonly store: LogStore
  readonly limits: Pick<SyncLimits, 'attemptsMax' | 'comparisonsMax' | 'lagEventsMax' | 'lagBytesMax' | 'waitingMax'>
  readonly pageLimits: RangeLimits
  readonly clock: Clock
  readonly observe: Observe | undefined
}

/** Judges and appends until the store takes what was judged: another process may write between the two. */
export async function settle(push: Push, context: Settling): Promise<Settled> {
  const { limits } = context
  const tail = createTail(push.seen, limits.comparisonsMax)
  for (let attempt = 0; attempt < limits.attemptsMax; attempt++) {
    const behind = await readBehind(push, tail.head(), context)
    if (behind === undefined) return { status: 'pull-first' }
    for (const commit of behind) tail.add(commit)
    const { verdicts, accepted } = judge(push.run, tail)
    if (accepted.length === 0) return { status: 'verdicts', verdicts }
    const { position } = tail.head()
    const taken = await append(push, position, sequence(accepted, tail.head()), context)
    if (taken === accepted.length) return { status: 'verdicts', verdicts }
    // What was taken of a prefix is in the log now: judged again it is a duplicate, and "own" for what follows.
  }
  return busy()
}

export const busy = (): never =>
  refuse(503, 'busy', 'Too many others write to this log right now', { headers: { 'retry-after': '1' } })

/**
 * Judges pushes to one log one behind the other, as if each had waited for the one before, and appends what they may have
 * together: one read and one append, which is what takes time. What came of each; nothing for those that have to be settled
 * alone, since they are far behind, or what they were judged against did not come to be. Rejects when the store does.
 */
export async function settleTogether(
  pushes: readonly Push[],
  context: Settling,
): Promise<ReadonlyMap<Push, PromiseSettledResult<Settled>>> {
  const results = new Map<Push, PromiseSettledResult<Settled>>()
  const newest = Math.max(...pushes.map(({ seen }) => seen.position))
  const near = pushes.filter(({ seen }) => newest - seen.position <= lagTogetherMax)
  if (near.length < 2) return results
  const first = near.reduce((a, b) => (b.seen.position < a.seen.position ? b : a))
  const behind = await readBehind(first, first.seen, context)
  if (behind === undefined) return results
  const read = headBehind(behind, first.seen)
  // As many tails as pushes would have all of it.
  if (read.position - first.seen.position > 2 * lagTogetherMax) return results
  const tails = await tailsOf(near, behind, context)
  // One that does not end where the others do was told of another log.
  if (tails.some((tail) => tail.head().digest !== read.digest)) return results

  const all: SequencedCommit[] = []
  const judged: { readonly push: Push; readonly result: PromiseSettledResult<Settled>; readonly until: number }[] = []
  const breathe = createBreather(context.clock, breathMs)
  for (const [nth, push] of near.entries()) {
    const result = attempt(() => {
      const { verdicts, accepted } = judge(push.run, tails[nth] as Tail)
      const placed = sequence(accepted, headBehind(all, read))
      addAll(tails.slice(nth + 1), placed)
      all.push(...placed)
      return { status: 'verdicts', verdicts } as const
    })
    judged.push({ push, result, until: all.length })
    await breathe()
  }
  const taken = all.length === 0 ? 0 : await append(first, read.position, all, context)
  // What was judged behind a commit that was not taken was judged against nothing.
  for (const { push, result, until } of judged) if (until <= taken) results.set(push, result)
  return results
}

function attempt<T>(work: () => T): PromiseSettledResult<T> {
  try {
    return { status: 'fulfilled', value: work() }
  } catch (reason) {
    return { status: 'rejected', reason }
  }
}

const headBehind = (commits: readonly SequencedCommit[], before: Seen): Seen => {
  const last = commits.at(-1)
  return last === undefined ? before : { position: last.last, digest: last.digest }
}

/** What each push is judged against: the log behind what its device has seen. */
async function tailsOf(
  pushes: readonly Push[],
  behind: readonly SequencedCommit[],
  { limits, clock }: Settling,
): Promise<readonly Tail[]> {
  const breathe = createBreather(clock, breathMs)
  const tails = pushes.map(({ seen }) => createTail(seen, limits.comparisonsMax))
  for (const commit of behind) {
    addAll(
      tails.filter((_, nth) => (pushes[nth]?.seen.position ?? 0) < commit.first),
      [commit],
    )
    await breathe()
  }
  return tails
}

/** Reads each commit once, for all of them. */
function addAll(tails: readonly Tail[], commits: readonly SequencedCommit[]): void {
  if (tails.length === 0) return
  for (const commit of commits) {
    const { events } = readStored(commit)
    for (const tail of tails) tail.add(commit, events)
  }
}

async function append(
  { log, name }: Push,
  head: number,
  commits: readonly SequencedCommit[],
  { store, observe }: Settling,
): Promise<number> {
  const { taken } = await store.append(log, head, commits)
  const last = commits[taken - 1]
  if (last !== undefined) observe?.({ type: 'append', log: name, commits: taken, events: last.last - head })
  return taken
}

/** The log behind a position, up to its head; `undefined` when that is too much to check the conditions of a push against. */
async function readBehind(
  { log, seen }: Push,
  from: Seen,
  { store, limits, pageLimits, clock }: Settling,
): Promise<readonly SequencedCommit[] | undefined> {
  const breathe = createBreather(clock, breathMs)
  const behind: SequencedCommit[] = []
  let length = 0
  for (let after = from.position; ; ) {
    const { commits, head } = await store.range(log, after, pageLimits)
    if (head - seen.position > limits.lagEventsMax || length > limits.lagBytesMax) return undefined
    for (const commit of commits) {
      behind.push(commit)
      length += commit.text.length
    }
    after = behind.at(-1)?.last ?? after
    if (commits.length === 0 || after >= head) return behind
    await breathe()
  }
}
