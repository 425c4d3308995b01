import { rowFormat } from '../protocol/rows.ts'
import { transact } from './transact.ts'

/**
 * LevelDB begins a new file after 4 MB, and waits before it begins another one until the first is in a table: only then is its
 * tear gone. So it takes 8 MB. Chromium writes what is overwritten along with what overwrites it.
 */
const filling = 8
/** Overwritten in one transaction: together they would need room that a nearly full disk has not, and take it from an append. */
const overwrites = 10
/** Chromium keeps larger values in files of their own. */
const characters = 60_000
const left = new WeakSet<IDBDatabase>()

/**
 * Makes LevelDB, on which Chromium's IndexedDB rests, begin a new file before the first write of a connection.
 * A kill or a power cut may tear the end of that file. LevelDB reads past the tear once, but then writes on behind it
 * (google/leveldb#1287), and Chromium deletes the whole database when it is opened the next time.
 */
export function leaveTornTail(db: IDBDatabase): void {
  // Only Chromium can tell of a database that it has deleted.
  if (left.has(db) || !('dataLoss' in IDBVersionChangeEvent.prototype)) return
  left.add(db)
  // In the store that every append writes to, so that appends come after it.
  const row = { kind: 'append', revision: 0, format: rowFormat, commits: ' '.repeat(characters) } as const
  const puts = Array.from({ length: overwrites }, () => ({ op: 'put', store: 'writes', row }) as const)
  const requests = [...puts, { op: 'delete', store: 'writes', from: 0, to: 0 } as const]
  // Where there is no room for it, there is none for much else: what is written then goes on as before.
  for (let nth = 0; nth < filling; nth++) transact(db, requests, { write: true }).catch(() => {})
}
