import { openReadModel } from 'tidelog/read-model'
import type { BookLog } from '../book/model.ts'
import { type ShipRow, shipTable } from '../book/ship-table.ts'
import { count, toNumber } from '../words.ts'
import { mustFind } from './dom.ts'
import type { Notices } from './notices.ts'
import { mountRowsPane, type RowsView } from './rows-pane.ts'

/** The table of the ships: it is built when its visitor first asks for it, and kept up to date while it is shown. */
export function mountBookTable(log: BookLog, root: HTMLElement, notices: Notices): void {
  const part = mustFind('#book-table', root)
  mustFind('button', part).addEventListener('click', () => {
    part.replaceChildren()
    mountRowsPane(part, openReadModel(log, shipTable), shipsView, notices)
    mustFind('input', part).focus()
  })
}

const shipsView: RowsView<ShipRow> = {
  id: 'ships',
  title: 'The ships',
  about: 'One row for each, made from all its passages. A replay reads the whole book again.',
  unit: 'ship',
  searchWords: 'Name of a ship',
  search: (text) => ({ index: 'name', prefix: text }),
  looks: [
    { words: 'Busiest first', find: { index: 'passages', order: 'descending' } },
    { words: 'Rarest first', find: { index: 'passages' } },
    { words: 'By name', find: { index: 'name' } },
  ],
  toWords: (ship, { passages, tonnes, port }) => ({
    name: ship,
    aside: count(passages, 'passage'),
    about: `${toNumber(tonnes)} t in all, last ${port}`,
  }),
}
