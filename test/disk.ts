// A database in memory that a test looks into, and whose storage fails when it is told so.

import { createMemoryDatabase, type MemoryDatabase } from '../src/store/memory-store.ts'
import { StoreError, type StoreName } from '../src/store/store.ts'

type Tables = MemoryDatabase['tables']
type Table = NonNullable<ReturnType<Tables['get']>>
export type Row = Readonly<Record<string, unknown>>

export class Disk {
  readonly database: MemoryDatabase
  /** `full` takes no more writes, `lost` answers nothing. */
  trouble: 'full' | 'lost' | undefined
  readonly #tables: Tables

  constructor(identity = 'disk') {
    const { tables } = createMemoryDatabase(identity)
    this.#tables = tables
    const disk = this
    class Watched extends Map<string, Table> {
      override get(name: string): Table | undefined {
        const table = super.get(name)
        if (disk.trouble === 'lost') throw new StoreError('lost', 'the disk is gone')
        return table === undefined || disk.trouble === undefined ? table : asFull(table)
      }
    }
    this.database = { identity, tables: new Watched(tables) }
  }

  rows(name: StoreName): readonly Row[] {
    return this.#entries(name).map(({ row }) => ({ ...row }))
  }

  /** Puts a row in the place of the one that lies there. */
  damage(name: StoreName, isMeant: (row: Row) => boolean, change: Row): void {
    const entries = this.#entries(name)
    const at = entries.findIndex(({ row }) => isMeant({ ...row }))
    const entry = entries[at]
    if (entry === undefined) throw new Error(`there is no such row in ${name}`)
    entries[at] = { ...entry, row: { ...entry.row, ...change } }
  }

  /** Adds a row behind all others. */
  add(name: StoreName, key: number, row: object): void {
    this.#entries(name).push({ key, row })
  }

  /** The entries themselves: a transaction that failed leaves other arrays behind. */
  #entries(name: StoreName): Table {
    return Map.prototype.get.call(this.database.tables, name) ?? this.#tables.get(name) ?? []
  }
}

/** The same rows, of which none can be changed. */
const asFull = (table: Table): Table =>
  Object.assign([...table], {
    splice: () => {
      throw new StoreError('full', 'there is no room')
    },
  })
