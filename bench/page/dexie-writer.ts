import Dexie, { type Table } from 'dexie'
import { type Versioned, withVersions } from './corpus.ts'
import type { Writer } from './writer.ts'

const schemas = {
  plain: '++pk, &[stream+version]',
  tags: '++pk, &[stream+version], *tags',
} as const

/** Dexie's `bulkAdd` of the events of a commit, with or without an index that finds them by tag. */
export function createDexieWriter(schema: keyof typeof schemas): Writer {
  let db: Dexie
  let table: Table<Versioned, number>
  return {
    open: async (name) => {
      db = new Dexie(name, { chromeTransactionDurability: 'relaxed' })
      db.version(1).stores({ events: schemas[schema] })
      await db.open()
      table = db.table('events')
    },
    prepare: (commits) => {
      const rows = withVersions(commits)
      return (at) => table.bulkAdd(rows[at] ?? [])
    },
    readAll: async () => (await table.toArray()).length,
    close: () => db.close(),
  }
}
