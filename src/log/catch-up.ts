import { deadLetterChain, floorChain, type LogRow, type StateRow, type WriteRow } from '../protocol/rows.ts'
import type { Store } from '../store/store.ts'
import { View } from './view.ts'

/** Characters of JSON text that one transaction should bring: rows may hold 900 kB or nothing, so the count adapts. */
const pageTextMax = 4_000_000
const rowsMax = 2_000

/** Builds a view of a database: floor, then every row. */
export async function openView(store: Store): Promise<View> {
  const view = new View(store.identity)
  const [floors] = await store.run([
    { op: 'range', store: 'state', from: [floorChain, 0], to: [floorChain, Number.MAX_SAFE_INTEGER] },
  ])
  const floor: StateRow | undefined = floors.at(-1)
  if (floor !== undefined) await takeFloor(store, view, Number(floor.revision), Number(floor.through))
  await catchUp(store, view)
  // Rows tell which commits were refused; which of these letters were discarded since, only the letters do.
  const [letters] = await store.run([
    { op: 'range', store: 'state', from: [deadLetterChain, 0], to: [`${deadLetterChain}\uffff`, 0] },
  ])
  view.dead.clear()
  for (const { chain } of letters) {
    const id = chain.slice(deadLetterChain.length)
    // A letter that says `Confirmed` is of a commit that is in the log.
    if (view.confirmed.positionOf(id) === undefined) view.dead.add(id)
  }
  return view
}

/** Stands the view at the floor: what lies below is known from `log` alone. */
async function takeFloor(store: Store, view: View, revision: number, through: number): Promise<void> {
  while (view.confirmed.head.position < through) {
    const before = view.confirmed.head.position
    const [records] = await store.run([{ op: 'range', store: 'log', after: before, limit: 32 }])
    view.takeRecords(records, through)
    if (view.confirmed.head.position === before) break
  }
  view.floor = revision
  view.revision = revision
}

/** Brings a view to the last row. Rows and the records they speak of are read in one transaction. */
export async function catchUp(store: Store, view: View): Promise<void> {
  for (let limit = 32; ; ) {
    const [rows, records] = await store.run([
      { op: 'range', store: 'writes', after: view.revision, limit },
      { op: 'range', store: 'log', after: view.confirmed.head.position, limit },
    ])
    const needsRecords = takeRows(view, rows, records)
    if (view.needsNewerApp || view.movedTo !== undefined) return
    if (!needsRecords && rows.length < limit && view.answers) return
    limit = nextLimit(limit, textOf(rows) + textOf(records))
  }
}

/** How many rows to read next, after a page of so many brought so much text. */
const nextLimit = (limit: number, text: number): number =>
  Math.max(1, Math.min(rowsMax, limit * 4, Math.floor((limit * pageTextMax) / Math.max(1, text))))

const textOf = (rows: readonly (WriteRow | LogRow)[]): number =>
  rows.reduce((sum, row) => sum + ('commits' in row ? row.commits.length : 0), 0)

/** Takes rows as far as their records are at hand; true when more records have to be read first. */
export function takeRows(view: View, rows: readonly WriteRow[], records: readonly LogRow[]): boolean {
  for (const row of rows) {
    if (row.revision <= view.revision) continue
    if (row.kind === 'pull') view.takeRecords(records, row.through.position)
    if (!view.take(row)) return !view.needsNewerApp
  }
  return false
}
