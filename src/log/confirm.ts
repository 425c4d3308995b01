import type { Commit } from '../core/commit.ts'
import { nextDigest } from '../core/digest.ts'
import { type LogRow, type PullRow, rowFormat, type TakenOut } from '../protocol/rows.ts'
import type { PullPage } from '../protocol/sync.ts'
import type { Request } from '../store/store.ts'
import { forget, keepLetter, settledAs } from './dead-letters.ts'
import type { Engine, Plan } from './engine.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** `taken` the page is in the log · `stale` it does not follow the confirmed head · `corrupt` its end is not that of its commits */
export type Taken = 'taken' | 'stale' | 'corrupt'

/**
 * Puts a page of sequenced commits into the log. This is the only thing that confirms: verdicts never do, so lost,
 * doubled and reordered answers are harmless.
 */
export async function takePage(engine: Engine, page: PullPage): Promise<Taken> {
  if (!isSound(page)) return 'corrupt'
  const taken = await engine.write((view) => (follows(view, page) ? planOf(engine, view, page) : undefined))
  return taken ?? (page.commits.length === 0 && follows(engine.view, page) ? 'taken' : 'stale')
}

const follows = (view: View, page: PullPage): boolean =>
  view.confirmed.head.position === page.after.position && view.confirmed.head.digest === page.after.digest

/** Whether the end of a page is that of its commits: a row that promises more than it brings could never be read again. */
function isSound({ after, commits, through }: PullPage): boolean {
  let { position, digest } = after
  for (const { id, contentId, events } of commits) {
    position += events.length
    digest = nextDigest(digest, id, contentId)
  }
  return position === through.position && digest === through.digest
}

async function planOf(engine: Engine, view: View, page: PullPage): Promise<Plan<Taken> | undefined> {
  const { commits, after, through } = page
  if (commits.length === 0) return undefined
  const settling = settle(view, commits)
  const row: Omit<PullRow, 'revision' | 'format'> = { kind: 'pull', from: after.position, through, ...settling }
  const record: LogRow = {
    last: through.position,
    format: rowFormat,
    first: after.position + 1,
    commits: JSON.stringify(commits),
    // An own event keeps the revision of its append: whoever saw it pending has seen it.
    revisions: commits.map(({ id, contentId }) => revisionOf(view, id, contentId)),
    digest: through.digest,
  }
  const beside: Request[] = []
  let position = after.position + 1
  for (const commit of commits) {
    const { id } = commit
    const isSettled = view.settled.has(id)
    if (isSettled || view.dead.has(id)) beside.push(...forget(id))
    // Whoever withdrew it has to know that the server had it nevertheless.
    if (isSettled && (await settledAs(engine, id)) === 'withdrawn')
      beside.push(keepLetter(engine, commit, { type: 'Confirmed', position }))
    position += commit.events.length
  }
  return { row, records: [record], commits, beside, durability: 'relaxed', result: 'taken' }
}

function revisionOf(view: View, id: string, contentId: string): number {
  const own = view.pending.get(id)
  return own?.commit.contentId === contentId ? own.revision : view.revision + 1
}

/** Which pending commits a page confirms, which of them in order, and whose own content gives way to the log's. */
function settle(
  view: View,
  commits: readonly Commit[],
): { readonly settled: readonly string[]; readonly own: readonly string[]; readonly takenOut: readonly TakenOut[] } {
  const settled: string[] = []
  const own: string[] = []
  const takenOut: TakenOut[] = []
  const gone = new Set<PendingCommit>()
  const queue = view.pending.list()
  let first = queue.next().value
  for (const { id, contentId } of commits) {
    const item = view.pending.get(id)
    if (item === undefined) continue
    while (first !== undefined && gone.has(first)) first = queue.next().value
    gone.add(item)
    settled.push(id)
    if (item.commit.contentId !== contentId) takenOut.push(...toTakenOut(item.commit))
    else if (item === first) own.push(id)
  }
  return { settled, own, takenOut }
}

/** What conditions can look at of a commit's events. */
export const toTakenOut = (commit: Commit): readonly TakenOut[] =>
  commit.events.map(({ stream, type, tags }) => ({ stream, type, tags }))
