import type { Commit } from '../core/commit.ts'
import { type Admission, admit, isKnown } from './admission.ts'
import type { Incoming } from './append-call.ts'
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
): Promise<readonly Checked<W>[]> {
  const { view, deciding } = engine
  const decide = deciding?.forGroup(engine, isLocal) ?? (async (commit) => ({ commit, text: '', admission: undecided }))
  const staged: Commit[] = []
  const checked: Checked<W>[] = []
  let before = 0
  for (const waiting of group) {
    const isAsked = waiting.commit.command !== undefined && !(await isKnown(view, staged, waiting))
    const ready: Ready = isAsked ? await decide(waiting.commit, staged) : await settleExists(view, waiting)
    const admission = ready.admission ?? (await admit(view, staged, { ...waiting, ...ready }))
    checked.push({ waiting, ...ready, admission, before })
    if (admission.kind !== 'admit') continue
    staged.push(ready.commit)
    before += ready.commit.events.length
  }
  return checked
}

const undecided: Admission = {
  kind: 'refuse',
  reason: { type: 'Error', code: 'tidelog/decider', message: 'this worker has no deciders' },
}

/** A stream that is confirmed to exist always will: then nothing of `exists` needs to be checked again. */
async function settleExists(view: View, { expected, commit, text }: Incoming): Promise<Ready> {
  const existing = expected.filter(({ version }) => version === 'exists')
  const countOf = await view.confirmedCounts(existing.map(({ stream }) => stream))
  const sure = existing.filter(({ stream }) => countOf(stream) > 0)
  if (sure.length === 0) return { commit, text }
  const left = commit.condition?.streams?.filter((stream) => !sure.some((one) => one.stream === stream)) ?? []
  const condition = { ...commit.condition, streams: left.length > 0 ? left : undefined }
  const settled: Commit = { ...commit, condition: (condition.streams ?? condition.query) ? condition : undefined }
  return { commit: settled, text: JSON.stringify(settled) }
}
