import { type Commit, isCommit } from '../core/commit.ts'
import { damaged, parseKept } from '../core/damage.ts'
import { hashText } from '../core/digest.ts'
import { TidelogError } from '../core/errors.ts'
import { isCount, isListOf, isRecord } from '../core/guard.ts'
import { checkpointChain, deadLetterChain, rowFormat, type SegmentPlace, settledChain } from '../protocol/rows.ts'
import type { Seen } from '../protocol/sync.ts'
import type { Request, Store } from '../store/store.ts'
import { ConfirmedTail } from './confirmed-tail.ts'
import { chainsFrom } from './kept.ts'
import { SealedLog } from './sealed-log.ts'
import { type Endings, parseCommits, type SavedView, type View } from './view.ts'

/** Where a view that is opened begins: what is sealed, where the content of the rest lies, and all that is not content. */
interface Checkpoint {
  readonly segments: readonly SegmentPlace[]
  /** The confirmed head of the view. */
  readonly head: Seen
  /** In a log that is its own sequencer: the revision of the first row whose content is not sealed. */
  readonly tailFrom: number
  readonly view: SavedView
}

/** Keeps a checkpoint; goes with the write that it holds after. */
export function keepCheckpoint(checkpoint: Checkpoint): Request {
  const text = JSON.stringify(checkpoint)
  const row = { chain: checkpointChain, n: 0, format: rowFormat, checkpoint: text, hash: hashText(text) } as const
  return { op: 'put', store: 'state', row }
}

/** Rows that are pruned at once: opening waits for it, and the first write of a connection costs more than all of them. */
const prunedMax = 1_000

/**
 * Deletes the oldest rows of `writes` that no view needs any more. Only for a worker that no other has the database open beside:
 * a view that has not seen a row can't go on without it. The last rows before the checkpoint stay too, since what a tab that
 * is gone had begun to write has to find its key taken.
 */
export async function prune(store: Store, keptRows: number): Promise<void> {
  const checkpoint = await readCheckpoint(store)
  if (checkpoint === undefined) return
  const { tailFrom, view } = checkpoint
  const needed = Math.min(tailFrom, view.revision - keptRows, ...view.pending.map(({ revision }) => revision))
  const [[oldest], marked] = await store.run([
    { op: 'range', store: 'writes', limit: 1 },
    { op: 'get', store: 'writes', key: view.revision },
  ])
  // A checkpoint goes with a write: one that lies where none is, is damaged, and would give up rows that are needed.
  if (marked === undefined) return
  const to = Math.min(needed - 1, (oldest?.revision ?? 0) + prunedMax - 1)
  if (oldest !== undefined && oldest.revision <= to)
    await store.run([{ op: 'delete', store: 'writes', from: oldest.revision, to }], { write: true })
}

/** What puts other content in the place of what was pending at the newest checkpoint; nothing where all stays as it is. */
export async function changePending(store: Store, change: (commit: Commit) => Commit): Promise<readonly Request[]> {
  const checkpoint = await readCheckpoint(store)
  if (checkpoint === undefined) return []
  const { view } = checkpoint
  const pending = view.pending.map((saved) => ({ ...saved, commit: change(saved.commit) }))
  const isSame = pending.every(({ commit }, at) => commit === view.pending[at]?.commit)
  return isSame ? [] : [keepCheckpoint({ ...checkpoint, view: { ...view, pending } })]
}

/** Rows of a tail that are read at once. */
const rowsMax = 500

/** Puts a view where the newest checkpoint is. False when there is none ahead of it. */
export async function restoreView(store: Store, view: View): Promise<boolean> {
  for (let before = -1; ; ) {
    const checkpoint = await readCheckpoint(store)
    if (checkpoint === undefined || checkpoint.view.revision <= view.revision) return false
    const { segments, head, tailFrom, view: saved } = checkpoint
    const sealed = segments.reduce((log, segment) => log.with(segment), SealedLog.of(store))
    const tail = new ConfirmedTail()
    tail.start(sealed.head)
    if (saved.local === true) await readLocalTail(store, tail, tailFrom, saved.revision)
    else await readTail(store, tail, head.position)
    if (tail.head.position !== head.position) {
      // Another worker has sealed what was to be read, and kept a checkpoint with it; or rows are gone that nobody sealed.
      if (saved.revision === before)
        throw new TidelogError('tidelog/storage-lost', `rows before position ${head.position} are missing`)
      before = saved.revision
      continue
    }
    const endings = await readEndings(store, { sealed, confirmed: tail })
    view.resume(sealed, tail, saved)
    view.takeEndings(endings)
    return true
  }
}

async function readCheckpoint(store: Store): Promise<Checkpoint | undefined> {
  const [row] = await store.run([{ op: 'get', store: 'state', key: [checkpointChain, 0] }])
  if (row === undefined) return undefined
  const text = String(row.checkpoint)
  const checkpoint: unknown = parseKept(text)
  // What it says of itself may be well-formed and wrong, and rows are pruned by it. Older versions kept no hash.
  const isWhole = row.hash === undefined || row.hash === hashText(text)
  if (!isWhole || !isCheckpoint(checkpoint)) throw damaged('a checkpoint')
  return checkpoint
}

const isPlace = (value: unknown): value is SegmentPlace =>
  isRecord(value) &&
  isCount(value.first, 1) &&
  isCount(value.last, value.first) &&
  isCount(value.parts, 1) &&
  value.parts <= value.last &&
  typeof value.digest === 'string' &&
  (value.revision === undefined || isCount(value.revision))

/** What a view would go on with, whatever it says. */
const isCheckpoint = (value: unknown): value is Checkpoint =>
  isRecord(value) &&
  isListOf(value.segments, isPlace) &&
  isRecord(value.head) &&
  isCount(value.head.position) &&
  typeof value.head.digest === 'string' &&
  isSavedView(value.view)

const isSavedView = (value: unknown): value is SavedView =>
  isRecord(value) &&
  isCount(value.revision, 1) &&
  isCount(value.floor) &&
  isListOf(value.pending, isSavedCommit) &&
  isListOf(value.takenOut, isTakenOut)

type SavedCommit = SavedView['pending'][number]
const isSavedCommit = (value: unknown): value is SavedCommit =>
  isRecord(value) && isCount(value.revision, 1) && isCommit(value.commit)

const isTakenOut = (value: unknown): value is SavedView['takenOut'][number] =>
  isRecord(value) && isCount(value.revision) && isRecord(value.event)

async function readTail(store: Store, tail: ConfirmedTail, through: number): Promise<void> {
  for (;;) {
    const after = tail.head.position
    const [rows] = await store.run([{ op: 'range', store: 'log', after, limit: rowsMax }])
    for (const row of rows)
      if ('commits' in row && row.first === tail.head.position + 1 && row.last <= through)
        tail.add(parseCommits(row.commits), row.revisions, row.last, row.digest)
    if (tail.head.position >= through || tail.head.position === after) return
  }
}

async function readLocalTail(store: Store, tail: ConfirmedTail, from: number, to: number): Promise<void> {
  for (let next = from; next <= to; ) {
    const [rows] = await store.run([{ op: 'range', store: 'writes', from: next, to, limit: rowsMax }])
    for (const row of rows) {
      if (row.kind !== 'append' || row.first !== tail.head.position + 1) continue
      const commits = parseCommits(row.commits)
      const revisions = commits.map(() => row.revision)
      tail.add(commits, revisions, row.revision, '')
    }
    next = (rows.at(-1)?.revision ?? to) + 1
  }
}

/** Which commits ended without the log: rows of the log tell of it, and of what was discarded since only the letters do. */
export async function readEndings(
  store: Store,
  { sealed, confirmed }: Pick<View, 'sealed' | 'confirmed'>,
): Promise<Endings> {
  const [letters, settled] = await store.run([chainsFrom(deadLetterChain), chainsFrom(settledChain)])
  const ids = letters.map(({ chain }) => chain.slice(deadLetterChain.length))
  const positions = await Promise.all(ids.map((id) => confirmed.positionOf(id) ?? sealed.positionOf(id)))
  return {
    // A letter that says `Confirmed` is of a commit that is in the log.
    dead: ids.filter((_, at) => positions[at] === undefined),
    settled: settled.map(({ chain }) => chain.slice(settledChain.length)),
  }
}
