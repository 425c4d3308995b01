import { bug } from '../src/core/errors.ts'
import type { ListedSegment } from '../src/protocol/sync.ts'
import { isNextSegment } from './sequence.ts'
import { type Connection, count, inTransaction, row, text } from './sqlite-file.ts'
import type { SegmentStore } from './store.ts'

/** Segments beside the logs of one SQLite file. */
export function sqliteSegments(db: Connection, erasedThrough: (log: string) => number): SegmentStore {
  const columns = 'first, last, digest, hash, bytes'
  const selectAll = db.prepare(`SELECT ${columns} FROM segments WHERE log = ? ORDER BY last`).raw()
  const selectLast = db.prepare('SELECT last FROM segments WHERE log = ? ORDER BY last DESC LIMIT 1').raw()
  const selectFile = db.prepare('SELECT file FROM segments WHERE log = ? AND hash = ?').raw()
  const selectGone = db.prepare('SELECT 1 FROM gone WHERE log = ? AND hash = ?').raw()
  const insert = db.prepare(`INSERT INTO segments (log, ${columns}, file) VALUES (?, ?, ?, ?, ?, ?, ?)`)
  return {
    async list(log) {
      return selectAll.all(log).map(toListed)
    },
    async get(log, hash) {
      const [file] = row(selectFile.get(log, hash))
      if (file === undefined) return selectGone.get(log, hash) === undefined ? undefined : 'gone'
      return file instanceof Uint8Array ? new Uint8Array(file) : bug(`SQLite gave ${typeof file}`)
    },
    async add(log, segment, file, erased) {
      inTransaction(db, () => {
        if (erased !== undefined && erased !== erasedThrough(log)) return
        const [last] = row(selectLast.get(log))
        if (!isNextSegment(segment, last === undefined ? undefined : { last: count(last) })) return
        const { first, digest, hash, bytes } = segment
        insert.run(log, first, segment.last, digest, hash, bytes, file)
      })
    },
  }
}

function toListed(value: unknown): ListedSegment {
  const [first, last, digest, hash, bytes] = row(value)
  return { first: count(first), last: count(last), digest: text(digest), hash: text(hash), bytes: count(bytes) }
}
