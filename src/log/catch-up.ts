import { deadLetterChain, floorChain, type LogRow, type StateRow, type WriteRow } from '../protocol/rows.ts'
import type { Store } from '../store/store.ts'
import { View } from './view.ts'

/** Rows of `writes`, and records of `log`, that one transaction reads. */
const rowsMax = 500
const recordsMax = 100

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
  for (const letter of letters) view.dead.add(letter.chain.slice(deadLetterChain.length))
  return view
}

/** Stands the view at the floor: what lies below is known from `log` alone. */
async function takeFloor(store: Store, view: View, revision: number, through: number): Promise<void> {
  while (view.confirmed.head.position < through) {
    const before = view.confirmed.head.position
    const [records] = await store.run([{ op: 'range', store: 'log', after: before, limit: recordsMax }])
    view.takeRecords(records, through)
    if (view.confirmed.head.position === before) break
  }
  view.floor = revision
  view.revision = revision
}

/** Brings a view to the last row. Rows and the records they speak of are read in one transaction. */
export async function catchUp(store: Store, view: View): Promise<void> {
  for (;;) {
    const [rows, records] = await store.run([
      { op: 'range', store: 'writes', after: view.revision, limit: rowsMax },
      { op: 'range', store: 'log', after: view.confirmed.head.position, limit: recordsMax },
    ])
    const stopped = takeRows(view, rows, records)
    if (view.needsNewerApp || view.movedTo !== undefined) return
    if (!stopped && rows.length < rowsMax && view.answers) return
  }
}

/** Takes rows as far as their records are at hand; true when more records have to be read first. */
export function takeRows(view: View, rows: readonly WriteRow[], records: readonly LogRow[]): boolean {
  for (const row of rows) {
    if (row.revision <= view.revision) continue
    if (row.kind === 'pull') view.takeRecords(records, row.through.position)
    if (!view.take(row)) return !view.needsNewerApp
  }
  return false
}
