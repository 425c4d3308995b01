import Database from 'libsql'
import { afterEach } from 'vitest'
import type { ObjectStorage } from './edge-store.ts'

const databases: Database.Database[] = []
afterEach(() => {
  for (const db of databases.splice(0)) db.close()
})

/** The storage of an object, of which `sync` is awaited before anything is durable. */
export function openObject(sync: () => Promise<void> = async () => {}): ObjectStorage {
  const db = new Database(':memory:')
  databases.push(db)
  const select = (statement: string, values: readonly unknown[]): readonly unknown[] =>
    db
      .prepare(statement)
      .raw()
      .all(...values)
      .map((row) => (Array.isArray(row) ? row.map(asInObject) : row))
  return {
    sql: {
      exec(statement, ...values) {
        if (statement.startsWith('SELECT')) return { raw: () => select(statement, values) }
        if (values.length === 0) db.exec(statement)
        else db.prepare(statement).run(...values)
        return { raw: () => [] }
      },
    },
    transactionSync(work) {
      db.exec('SAVEPOINT work')
      try {
        return work()
      } catch (error) {
        db.exec('ROLLBACK TO work')
        throw error
      } finally {
        db.exec('RELEASE work')
      }
    },
    sync,
  }
}
/** Bytes come as an `ArrayBuffer` there. */
const asInObject = (value: unknown): unknown => (value instanceof Uint8Array ? new Uint8Array(value).buffer : value)
