import { Undecidable, type UndecidedType } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import { decisionsMax, runBytesMax, runCommitsMax } from '../core/limits.ts'
import type { RebaseRow } from '../protocol/rows.ts'
import type { Problem, Seen } from '../protocol/sync.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import type { Request } from '../store/store.ts'
import { toTakenOut } from './confirm.ts'
import { keepLetter, keepSettled } from './dead-letters.ts'
import type { Deciding, Ending } from './deciding-port.ts'
import type { Engine, Plan } from './engine.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** Causing events that a dead letter keeps; the first ones. */
const lettersEventsMax = 100

/** Why the queue can't be rebased here: nothing was written. */
export interface Undecided {
  readonly type: UndecidedType
  readonly message: string
}

/**
 * Checks the queue against what came in, once a pull has reached the head. What nothing touched stays as it is. A
 * touched commit is decided again on what is confirmed and kept before it: its content stays, is replaced, or it leaves
 * with its reason. A plain append can't be decided again: it becomes a dead letter.
 */
export async function rebase(engine: Engine): Promise<Undecided | undefined> {
  const endings = new Map<string, Ending>()
  let madeAt: number | undefined
  try {
    await engine.write((view) => {
      // An append comes behind everything, so it changes no ending that was found; any other write may.
      if (madeAt !== view.reordered) endings.clear()
      madeAt = view.reordered
      return view.pending.touched.size > 0 ? planOf(engine, endings) : undefined
    })
  } catch (error) {
    if (error instanceof Undecidable) return { type: error.type, message: error.message }
    throw error
  }
  return undefined
}

async function planOf(engine: Engine, endings: Map<string, Ending>): Promise<Plan<void>> {
  const { pending } = engine.view
  const again = engine.deciding?.forQueue(engine)
  const touched = new Set(pending.touched)
  const going: { readonly item: PendingCommit; readonly ending: Ending }[] = []
  const takenOut: Commit[] = []
  for (const item of pending.list()) {
    if (!touched.has(item)) continue
    const { id } = item.commit
    const ending = endings.get(id) ?? (await endingOf(item, again))
    endings.set(id, ending)
    if (ending.kind === 'keep') continue
    const commit = ending.kind === 'replace' ? ending.commit : undefined
    again?.replace(item, commit)
    going.push({ item, ending })
    for (const left of commit === undefined ? [item.commit] : [item.commit, commit]) {
      takenOut.push(left)
      for (const event of left.events) for (const behind of pending.lookingAt(event)) touched.add(behind)
    }
  }
  const idsOf = (kind: Ending['kind']): readonly string[] =>
    going.flatMap(({ item, ending }) => (ending.kind === kind ? item.commit.id : []))
  const row: NewRebaseRow = {
    kind: 'rebase',
    through: engine.view.confirmed.head.position,
    replaced: JSON.stringify(going.flatMap(({ ending }) => (ending.kind === 'replace' ? ending.commit : []))),
    refused: idsOf('refuse'),
    withdrawn: idsOf('nothing-to-do'),
    order: [],
    takenOut: takenOut.flatMap(toTakenOut),
  }
  const beside: Request[] = []
  for (const { item, ending } of going)
    if (ending.kind === 'refuse') beside.push(keepLetter(engine, item.commit, await reasonOf(engine, item, ending)))
    else if (ending.kind === 'nothing-to-do') beside.push(keepSettled(engine, item.commit, ending.kind))
  return { row, beside, result: undefined }
}

type NewRebaseRow = Omit<RebaseRow, 'revision' | 'format'>

async function endingOf(item: PendingCommit, again: ReturnType<Deciding['forQueue']> | undefined): Promise<Ending> {
  const { command, attempt } = item.commit
  if (command === undefined) return { kind: 'refuse' }
  if (again === undefined) throw new Undecidable('needs-decider', command.name)
  // Others were faster so often that it ends here, with what was faster last; who tries it again by hand begins anew.
  if ((attempt ?? 1) % decisionsMax === 0) return { kind: 'refuse' }
  return again.endingOf(item)
}

async function reasonOf(
  { content, view }: Engine,
  item: PendingCommit,
  { refusal }: Extract<Ending, { kind: 'refuse' }>,
): Promise<DeadLetterData['reason']> {
  const events = await content.eventsAt(view.foreignTo(item).slice(0, lettersEventsMax))
  return refusal === undefined ? { type: 'Conflict', events } : { type: 'Refused', refusal, events }
}

/** Takes out commits that the server never will take; only the content that was judged. */
export async function takeRejected(
  engine: Engine,
  rejected: readonly { readonly id: string; readonly contentId: string; readonly problem: Problem }[],
): Promise<void> {
  await engine.write((view) => {
    const judged = rejected.flatMap(({ id, contentId, problem }) => {
      const commit = view.pending.get(id)?.commit
      return commit?.contentId === contentId ? [{ commit, problem }] : []
    })
    if (judged.length === 0) return undefined
    const commits = judged.map(({ commit }) => commit)
    const beside = judged.map(({ commit, problem }) => keepLetter(engine, commit, { type: 'Rejected', problem }))
    return { row: { ...takeOut(commits), refused: commits.map(({ id }) => id) }, beside, result: undefined }
  })
}

/** Takes a pending commit back; answers it, or nothing when it is not pending. */
export function withdraw(engine: Engine, id: string): Promise<PendingCommit | undefined> {
  return engine.write((view) => {
    const item = view.pending.get(id)
    if (item === undefined) return undefined
    const row = { ...takeOut([item.commit]), withdrawn: [id] }
    return { row, beside: [keepSettled(engine, item.commit, 'withdrawn')], result: item }
  })
}

/** A row that takes some commits out without a look at the rest. */
export const takeOut = (commits: readonly Commit[]): NewRebaseRow => ({
  kind: 'rebase',
  through: -1,
  replaced: '[]',
  refused: [],
  withdrawn: [],
  order: [],
  takenOut: commits.flatMap(toTakenOut),
})

/** A run of pending commits that may be pushed: rebased on `seen`. */
export interface Run {
  readonly seen: Seen
  readonly commits: readonly Commit[]
}

/**
 * The run to push next, bounded by count and bytes; nothing while the queue is empty or not rebased on the confirmed
 * head. Head and queue are taken from one moment of the view.
 */
export function nextRun(view: View, commitsMax: number = runCommitsMax): Run | undefined {
  if (needsRebase(view)) return undefined
  const commits: Commit[] = []
  let size = 0
  for (const { commit } of view.pending.list()) {
    // What it was decided from is nobody's business but the device's.
    const { command: _command, attempt: _attempt, ...sent } = commit
    size += JSON.stringify(sent).length
    if (commits.length >= commitsMax || (commits.length > 0 && size > runBytesMax)) break
    commits.push(sent)
  }
  return commits.length === 0 ? undefined : { seen: view.confirmed.head, commits }
}

/** Whether a pending commit waits for {@link rebase}. */
export const needsRebase = (view: View): boolean => view.pending.touched.size > 0
