import type { Commit } from '../core/commit.ts'
import type { IsErased } from '../core/lifecycle.ts'
import { keptChain, rowsAtChain, rowsInChain, type StateRow, snapshotChain, type WriteRow } from '../protocol/rows.ts'
import { eraseInCommit } from '../segments/erase-part.ts'
import type { Request } from '../store/store.ts'
import { changePending } from './checkpoint.ts'
import type { Engine } from './engine.ts'
import { hasRead, lettersWithout, nowhere, type OwnErasure } from './erase-letters.ts'
import { chainsFrom } from './kept.ts'
import { stubOf } from './seal.ts'
import { parseCommits, type View } from './view.ts'

/** What was erased, as what was made from it may name it. */
export interface Traces {
  readonly erasures: readonly OwnErasure[]
  readonly isErased: IsErased
  readonly eventIds: Set<string>
}

/** Rows of `writes` that are read at once. */
const rowsMax = 500

/** What removes the traces of erased events outside the log itself, and the dead letters that go. */
export async function tracesOf(
  engine: Engine,
  traces: Traces,
): Promise<{ readonly requests: readonly Request[]; readonly letters: readonly string[] }> {
  const letters = await lettersWithout(engine.store, traces)
  const { view, store } = engine
  const kept = await Promise.all(['task/', 'ended/', 'failure/'].map((part) => keptAbout(engine, part, traces)))
  return {
    letters: letters.gone,
    requests: [
      ...[snapshotChain, keptChain + rowsInChain].map(deleteFrom),
      ...(await readModelsAnew(engine)),
      ...letters.requests,
      ...kept.flat(),
      ...(await changePending(store, (commit) => eraseUnlessPending(view, commit, traces.isErased))),
      ...(await writesAbout(engine, traces)),
    ],
  }
}

const deleteFrom = (chain: string): Request => {
  const { from, to } = chainsFrom(chain)
  return { op: 'delete', store: 'state', from, to }
}

/** Read models begin anew: by the next row of each chain of checkpoints, so that whoever reads or writes rows hears of it. */
async function readModelsAnew({ store, view }: Engine): Promise<readonly Request[]> {
  const [rows] = await store.run([chainsFrom(keptChain + rowsAtChain)])
  const last = new Map<string, StateRow>(rows.map((row) => [row.chain, row]))
  return [...last.values()].map((row) => {
    const { version, last } = row.value as Readonly<Record<string, unknown>>
    const value = { version, last, writer: '', generation: 0, position: 0, erasedAt: view.revision + 1 }
    return { op: 'add', store: 'state', row: { ...row, n: row.n + 1, value } }
  })
}

/** Rows that a consumer kept for one of the events. */
async function keptAbout({ store }: Engine, part: string, { eventIds }: Traces): Promise<readonly Request[]> {
  if (eventIds.size === 0) return []
  const [rows] = await store.run([chainsFrom(keptChain + part)])
  return rows.flatMap(({ chain, n, value }): readonly Request[] =>
    eventIds.has(eventIdOf(value)) ? [{ op: 'delete', store: 'state', from: [chain, n], to: [chain, n] }] : [],
  )
}

/** Of several that one stored event has become, that of the stored one. */
const eventIdOf = (value: unknown): string =>
  String((value as { readonly eventId?: unknown } | undefined)?.eventId).replace(/#\d+$/, '')

/** Rows of `writes` that hold what is confirmed, or has ended, as well. */
async function writesAbout({ store, view }: Engine, traces: Traces): Promise<readonly Request[]> {
  const requests: Request[] = []
  for (let after = 0; ; ) {
    const [rows] = await store.run([{ op: 'range', store: 'writes', after, limit: rowsMax }])
    for (const row of rows) {
      const without = rowWithout(view, row, traces.isErased)
      if (without !== undefined) requests.push(without)
    }
    after = rows.at(-1)?.revision ?? after
    if (rows.length < rowsMax) return requests
  }
}

function rowWithout(view: View, row: WriteRow, isErased: IsErased): Request | undefined {
  if (row.kind === 'append' && row.first !== undefined) {
    // What is not sealed comes after every erasure that is carried out.
    if (row.first > view.sealed.head.position) return undefined
    return eraseInText(view, row.commits, isErased) === row.commits
      ? undefined
      : stubOf(row.revision, view.revision + 1)
  }
  if (row.kind === 'append') {
    const commits = eraseInText(view, row.commits, isErased)
    return commits === row.commits ? undefined : { op: 'put', store: 'writes', row: { ...row, commits } }
  }
  if (row.kind !== 'rebase') return undefined
  const replaced = eraseInText(view, row.replaced, isErased)
  return replaced === row.replaced ? undefined : { op: 'put', store: 'writes', row: { ...row, replaced } }
}

function eraseInText(view: View, text: string, isErased: IsErased): string {
  const before = parseCommits(text)
  const after = before.map((commit) => eraseUnlessPending(view, commit, isErased))
  return after.some((commit, at) => commit !== before[at]) ? JSON.stringify(after) : text
}

/** What is pending comes after every erasure that is confirmed. A command is only of use while it is. */
function eraseUnlessPending({ pending }: View, commit: Commit, isErased: IsErased): Commit {
  if (pending.get(commit.id) !== undefined) return commit
  const erased = eraseInCommit(commit, nowhere, (event) => isErased(event, nowhere))
  return erased.command !== undefined && hasRead(commit, isErased) ? { ...erased, command: undefined } : erased
}
