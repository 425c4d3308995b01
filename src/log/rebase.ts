import type { Commit } from '../core/commit.ts'
import { runBytesMax, runCommitsMax } from '../core/limits.ts'
import { conditionToSelectors, matches } from '../core/query.ts'
import { deadLetterChain, type RebaseRow, rowFormat, type StateRow } from '../protocol/rows.ts'
import type { Problem, Seen } from '../protocol/sync.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import { forget, toTakenOut } from './confirm.ts'
import type { Engine, Plan } from './engine.ts'
import { firstOf } from './first-of.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** Conflicting events that a dead letter keeps; the first ones. */
const lettersEventsMax = 100

/** A run of pending commits that may be pushed: rebased on `seen`. */
export interface Run {
  readonly seen: Seen
  readonly commits: readonly Commit[]
}

/**
 * Checks the queue against what came in, once a pull has reached the head. A commit whose condition looks at what is
 * new cannot stand as it is; a plain append then becomes a dead letter with the events that caused it.
 */
export async function rebase(engine: Engine): Promise<void> {
  await engine.write(async (view) => {
    const touched = touchedCommits(view)
    return touched.length === 0 ? undefined : planRefusal(engine, view, touched)
  })
}

/** Pending commits that can't stand, in local order: touched by what came in, or by one before them that goes. */
function touchedCommits(view: View): readonly PendingCommit[] {
  const going: PendingCommit[] = []
  for (const item of view.pending.list()) {
    const selectors = conditionToSelectors(item.commit.condition)
    if (selectors.length === 0) continue
    const behind = going.some(({ commit }) => commit.events.some((event) => matches(selectors, event)))
    if (behind || view.isTouched(item)) going.push(item)
  }
  return going
}

async function planRefusal(engine: Engine, view: View, going: readonly PendingCommit[]): Promise<Plan<void>> {
  const through = view.confirmed.head.position
  const row = takeOutRow(view, going, through)
  const positions = going.map((item) => firstOf(view.foreignTo(item), lettersEventsMax))
  const letters: StateRow[] = []
  for (const [at, { commit }] of going.entries()) {
    const events = await engine.content.eventsAt(positions[at] ?? [])
    letters.push(letterOf(engine, commit, { type: 'Conflict', events }))
  }
  return { row, beside: letters.map(toAdd), result: undefined }
}

/** Takes out commits that the server never will take; only the content that was judged. */
export async function takeRejected(
  engine: Engine,
  rejected: readonly { readonly id: string; readonly contentId: string; readonly problem: Problem }[],
): Promise<void> {
  await engine.write((view) => {
    const judged = rejected.flatMap(({ id, contentId, problem }) => {
      const item = view.pending.get(id)
      return item?.commit.contentId === contentId ? [{ item, problem }] : []
    })
    if (judged.length === 0) return undefined
    const going = judged.map(({ item }) => item)
    const letters = judged.map(({ item, problem }) => letterOf(engine, item.commit, { type: 'Rejected', problem }))
    return { row: takeOutRow(view, going, -1), beside: letters.map(toAdd), result: undefined }
  })
}

function takeOutRow(
  view: View,
  going: readonly PendingCommit[],
  through: number,
): Omit<RebaseRow, 'revision' | 'format'> {
  const refused = going.map(({ commit }) => commit.id)
  const gone = new Set(refused)
  return {
    kind: 'rebase',
    through,
    replaced: '[]',
    refused,
    withdrawn: [],
    order: view.pending.list().flatMap(({ commit }) => (gone.has(commit.id) ? [] : [commit.id])),
    takenOut: going.flatMap(({ commit }) => toTakenOut(commit)),
  }
}

/**
 * The run to push next, bounded by count and bytes; nothing while the queue is empty or not rebased on the confirmed
 * head. Head and queue are taken from one moment of the view.
 */
export function nextRun(view: View, commitsMax: number = runCommitsMax): Run | undefined {
  const commits: Commit[] = []
  let size = 0
  for (const item of view.pending.list()) {
    if (view.isTouched(item)) return undefined
    if (commits.length >= commitsMax) continue
    size += JSON.stringify(item.commit).length
    if (commits.length > 0 && size > runBytesMax) break
    commits.push(item.commit)
  }
  return commits.length === 0 ? undefined : { seen: view.confirmed.head, commits }
}

/** Whether a pending commit waits for {@link rebase}. */
export const needsRebase = (view: View): boolean => view.pending.list().some((item) => view.isTouched(item))

function letterOf(engine: Engine, commit: Commit, reason: DeadLetterData['reason']): StateRow {
  return {
    chain: `${deadLetterChain}${commit.id}`,
    n: engine.view.revision + 1,
    format: rowFormat,
    id: commit.id,
    commit: JSON.stringify(commit),
    reason: JSON.stringify(reason),
    time: new Date(engine.clock.now()).toISOString(),
  }
}
const toAdd = (row: StateRow) => ({ op: 'add', store: 'state', row }) as const

/** Every dead letter, oldest first. */
export async function listDeadLetters(engine: Engine): Promise<readonly DeadLetterData[]> {
  const [rows] = await engine.store.run([
    { op: 'range', store: 'state', from: [deadLetterChain, 0], to: [`${deadLetterChain}\uffff`, 0] },
  ])
  return rows
    .map((row) => ({
      id: String(row.id),
      commit: String(row.commit),
      reason: JSON.parse(String(row.reason)),
      time: String(row.time),
    }))
    .sort((a, b) => (a.time < b.time ? -1 : 1))
}

/** Forgets a dead letter; answers whether it was there. */
export async function discardDeadLetter(engine: Engine, id: string): Promise<boolean> {
  const before = await listDeadLetters(engine)
  await engine.store.run([forget(id)], { write: true })
  engine.view.dead.delete(id)
  engine.announce()
  return before.some((letter) => letter.id === id)
}
