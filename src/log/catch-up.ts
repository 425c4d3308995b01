import { understand } from '../core/damage.ts'
import { TidelogError } from '../core/errors.ts'
import type { LogRow, WriteRow } from '../protocol/rows.ts'
import type { Rows, Store } from '../store/store.ts'
import { readEndings, restoreView } from './checkpoint.ts'
import { SealedLog } from './sealed-log.ts'
import { View } from './view.ts'

/** Characters of JSON text, and bytes of parts, that one transaction should bring: rows may hold 900 kB or nothing, so the count adapts. */
const pageTextMax = 4_000_000
const rowsMax = 2_000

/** Builds a view of a database: from the newest checkpoint, and the rows after it. */
export async function openView(store: Store): Promise<View> {
  const view = new View(store.identity, SealedLog.of(store))
  await understand(() => restoreView(store, view))
  await catchUp(store, view)
  view.takeEndings(await understand(() => readEndings(store, view)))
  return view
}

/** Brings a view to the last row. Rows and the records they speak of are read in one transaction. */
export const catchUp = (store: Store, view: View, taken?: Taken): Promise<void> =>
  understand(() => takeAll(store, view, taken))

async function takeAll(store: Store, view: View, taken?: Taken): Promise<void> {
  for (let limit = 32; ; ) {
    const [rows, records] = await store.run([
      { op: 'range', store: 'writes', after: view.revision, limit },
      { op: 'range', store: 'log', after: view.confirmed.head.position, limit },
    ])
    const { revision } = view
    const isPruned = (rows[0]?.revision ?? 0) > revision + 1
    const needsRecords = isPruned || takeRows(view, rows, records.filter(isRecord), taken)
    if (view.needsNewerApp || view.movedTo !== undefined) return
    if (!needsRecords && rows.length < limit && view.answers) return
    // Rows are gone that this view has not seen, or records that it has not read: another worker has sealed them.
    if (needsRecords && view.revision === revision && !(await restoreView(store, view)))
      throw new TidelogError('tidelog/storage-lost', `rows after ${revision} are missing`)
    limit = nextLimit(limit, textOf(rows) + textOf(records))
  }
}

/** Told of each row that is taken: where the confirmed log was before, and JSON text of the commits that it brought. */
export type Taken = (before: number, text: string) => void

/** How many rows to read next, after a page of so many brought so much text. */
const nextLimit = (limit: number, text: number): number =>
  Math.max(1, Math.min(rowsMax, limit * 4, Math.floor((limit * pageTextMax) / Math.max(1, text))))

const isRecord = (row: Rows['log']): row is LogRow => 'commits' in row

const textOf = (rows: readonly (WriteRow | Rows['log'])[]): number =>
  rows.reduce((sum, row) => sum + lengthOf('commits' in row ? row.commits : 'part' in row ? row.part : ''), 0)

/** A damaged row may hold anything there, and a count that is no number would have the reading never end. */
const lengthOf = (content: unknown): number => Number(Object(content).length) || 0

/** Takes rows as far as their records are at hand; true when more records have to be read first. */
export function takeRows(view: View, rows: readonly WriteRow[], records: readonly LogRow[], taken?: Taken): boolean {
  for (const row of rows) {
    if (row.revision <= view.revision) continue
    const before = view.confirmed.head.position
    if (row.kind === 'pull') view.takeRecords(records, row.through.position)
    if (!view.take(row)) return !view.needsNewerApp
    const text = row.kind === 'append' ? row.commits : records.find(({ first }) => first === before + 1)?.commits
    if (text !== undefined) taken?.(before, text)
  }
  return false
}
