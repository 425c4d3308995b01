// What the platform refuses and the runtime of the tests lets pass, so that it is refused here too.
import type { LogObjectStorage, ObjectSql } from '../../server/edge.ts'

const bytesMax = 2_000_000
const valuesMax = 100
const statementMax = 100_000

/** A storage that keeps the platform's limits. */
export function limited(storage: LogObjectStorage): LogObjectStorage {
  const sql: ObjectSql = {
    exec(statement, ...values) {
      const bytes = values.reduce<number>((sum, value) => sum + sizeOf(value), 0)
      if (bytes > bytesMax) throw new Error(`a row of ${bytes} bytes: SQLITE_TOOBIG`)
      if (values.length > valuesMax) throw new Error(`${values.length} values`)
      if (statement.length > statementMax) throw new Error(`a statement of ${statement.length} characters`)
      return storage.sql.exec(statement, ...values)
    },
  }
  return {
    sql,
    transactionSync: (work) => storage.transactionSync(work),
    sync: async () => storage.sync?.(),
    setAlarm: (time) => storage.setAlarm(time),
  }
}

const sizeOf = (value: string | number | Uint8Array): number => {
  if (typeof value === 'number') return 8
  return typeof value === 'string' ? new TextEncoder().encode(value).length : value.length
}
