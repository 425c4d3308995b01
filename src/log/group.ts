import type { Commit } from '../core/commit.ts'
import { type Admission, admit, isKnown, look, type Staged, streamsOf } from './admission.ts'
import type { Incoming, MustBeKept } from './append-call.ts'
import type { Ready } from './deciding-port.ts'
import type { Engine } from './engine.ts'
import type { View } from './view.ts'

/** One append of a group, checked: what is written for it, or why nothing is. */
export interface Checked<W extends Incoming> {
  readonly waiting: W
  readonly admission: Admission
  readonly commit: Commit
  readonly text: string
  /** Events of the group that stand before this commit. */
  readonly before: number
}

/** Checks the appends of a group in order, and decides its commands; each sees those before it. */
export async function checkGroup<W extends Incoming>(
  engine: Engine,
  group: readonly W[],
  isLocal: boolean,
  mustBeKept: MustBeKept = () => {},
): Promise<readonly Checked<W>[]> {
  const { view, deciding } = engine
  const decide = deciding?.forGroup(engine, isLocal, mustBeKept)
  // Once for the group: each look may read the disk.
  const perhapsSealed = await view.sealed.mayHold(group.map(({ commit }) => commit.id))
  const staged: Staged = { commits: [], ids: new Set(), closed: new Set(), perhapsSealed, last: new Map() }
  const makeReady = async (waiting: W): Promise<Ready> => {
    const { commit, expected } = waiting
    if (await isKnown(view, staged, waiting)) return { ...waiting, admission: { kind: 'known' } }
    if (commit.command === undefined) return expected.length > 0 ? settleExists(view, waiting) : waiting
    return decide?.(commit, staged.commits) ?? { ...waiting, admission: undecided }
  }
  await look(view, staged, group.flatMap(streamsOf))
  const checked: Checked<W>[] = []
  let before = 0
  for (const waiting of group) {
    const { commit, text, admission = await admit(view, staged, waiting, commit) } = await makeReady(waiting)
    checked.push({ waiting, commit, text, admission, before })
    if (admission.kind === 'admit') before += commit.events.length
  }
  return checked
}

const undecided: Admission = {
  kind: 'refuse',
  reason: { type: 'Error', code: 'tidelog/decider', message: 'this worker has no deciders' },
}

/** A stream that is confirmed to exist always will: then nothing of `exists` needs to be checked again. */
async function settleExists(view: View, { expected, commit, text }: Incoming): Promise<Ready> {
  const { streams = [], query } = commit.condition ?? {}
  const existing = expected.flatMap(({ stream, version }) => (version === 'exists' ? stream : []))
  const countOf = await view.confirmedCounts(existing)
  const left = streams.filter((stream) => !existing.includes(stream) || countOf(stream) === 0)
  if (left.length === streams.length) return { commit, text }
  const condition = left.length > 0 ? { streams: left, query } : query && { query }
  const settled: Commit = { ...commit, condition }
  return { commit: settled, text: JSON.stringify(settled) }
}
