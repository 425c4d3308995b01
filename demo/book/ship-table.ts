import { define } from './model.ts'

/** What the book says of one ship, in all. */
export interface ShipRow {
  readonly passages: number
  readonly tonnes: number
  /** Where it came from or went to last. */
  readonly port: string
}

/** One row for each ship, kept up to date: so the busiest are found without reading the book. */
export const shipTable = define.readModel<ShipRow>({
  name: 'ships',
  version: 1,
  query: { types: ['ShipPassed'] },
  ids: { ShipPassed: ({ data }) => data.ship },
  on: {
    ShipPassed: (row = { passages: 0, tonnes: 0, port: '' }, { data }) => ({
      passages: row.passages + 1,
      tonnes: row.tonnes + data.tonnes,
      port: data.port,
    }),
  },
  indexes: {
    name: (_row, ship) => [ship.toLowerCase()],
    passages: ({ passages }) => [passages],
  },
})
