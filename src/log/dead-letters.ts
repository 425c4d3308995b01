import type { Commit } from '../core/commit.ts'
import { parseKept } from '../core/damage.ts'
import { timeNow } from '../core/time.ts'
import { deadLetterChain, rowFormat, type StateRow, settledChain } from '../protocol/rows.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import type { Request } from '../store/store.ts'
import type { Engine } from './engine.ts'

/** How a commit left the queue without a letter. */
export type Settled = 'withdrawn' | 'nothing-to-do'

/** Keeps a commit that ends here; goes with the row that takes it out. */
export const keepLetter = (engine: Engine, commit: Commit, reason: DeadLetterData['reason']): Request => ({
  op: 'add',
  store: 'state',
  row: {
    ...rowOf(engine, deadLetterChain, commit.id),
    id: commit.id,
    commit: JSON.stringify(commit),
    reason: JSON.stringify(reason),
    time: timeNow(engine.clock),
  },
})

/** Keeps how a commit left the queue; goes with the row that takes it out. */
export const keepSettled = (engine: Engine, commit: Commit, how: Settled): Request => ({
  op: 'add',
  store: 'state',
  row: { ...rowOf(engine, settledChain, commit.id), how },
})

const rowOf = ({ view }: Engine, chain: string, id: string): StateRow => ({
  chain: chain + id,
  n: view.revision + 1,
  format: rowFormat,
})

/** Forgets how a commit ended. */
export const forget = (id: string): Request[] =>
  [deadLetterChain, settledChain].map((chain) => ({
    op: 'delete',
    store: 'state',
    from: [chain + id, 0],
    to: [chain + id, Number.MAX_SAFE_INTEGER],
  }))

async function rowsOf({ store }: Engine, chain: string, id: string | undefined): Promise<readonly StateRow[]> {
  const from = chain + (id ?? '')
  const to = id === undefined ? `${from}\uffff` : from
  const [rows] = await store.run([{ op: 'range', store: 'state', from: [from, 0], to: [to, Number.MAX_SAFE_INTEGER] }])
  return rows
}

/** The dead letters, or the one of a commit, oldest first. */
export async function listDeadLetters(engine: Engine, id?: string): Promise<readonly DeadLetterData[]> {
  const rows = await rowsOf(engine, deadLetterChain, id)
  return rows.map(toLetter).sort((a, b) => (a.time < b.time ? -1 : 1))
}

const toLetter = ({ id, commit, reason, time }: StateRow): DeadLetterData => ({
  id: String(id),
  commit: String(commit),
  reason: parseKept(String(reason)),
  time: String(time),
})

/** How a commit left the queue without a letter, if it did. */
export async function settledAs(engine: Engine, id: string): Promise<Settled | undefined> {
  return (await rowsOf(engine, settledChain, id)).at(-1)?.how as Settled | undefined
}

/** Forgets a dead letter, or keeps what stands in its place; answers whether it was there. */
export async function discardDeadLetter(
  engine: Engine,
  id: string,
  instead: readonly Request[] = [],
): Promise<boolean> {
  const before = await listDeadLetters(engine, id)
  await engine.store.run([...forget(id), ...instead], { write: true })
  engine.view.dead.delete(id)
  engine.announce()
  return before.length > 0
}
