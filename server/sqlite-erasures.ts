import { type Connection, count, inTransaction, row } from './sqlite-file.ts'
import type { Erased, ErasureStore } from './store.ts'

/** What erasures change in one SQLite file. */
export function sqliteErasures(db: Connection): {
  readonly erasedThrough: (log: string) => number
  readonly erasures: ErasureStore
} {
  const selectThrough = db.prepare('SELECT through FROM erased WHERE log = ?').raw()
  const keepThrough = db.prepare('INSERT OR REPLACE INTO erased (log, through) VALUES (?, ?)')
  const selectText = db.prepare('SELECT 1 FROM commits WHERE log = ? AND last = ? AND text = ?').raw()
  const updateText = db.prepare('UPDATE commits SET text = ? WHERE log = ? AND last = ?')
  const selectFile = db.prepare('SELECT 1 FROM segments WHERE log = ? AND hash = ?').raw()
  const selectSealed = db.prepare('SELECT last FROM segments WHERE log = ? ORDER BY last DESC LIMIT 1').raw()
  const updateFile = db.prepare('UPDATE segments SET hash = ?, bytes = ?, file = ? WHERE log = ? AND hash = ?')
  const insertGone = db.prepare('INSERT OR IGNORE INTO gone (log, hash) VALUES (?, ?)')
  const erasedThrough = (log: string): number => {
    const [through] = row(selectThrough.get(log))
    return through === undefined ? 0 : count(through)
  }
  const isAsItWas = (log: string, { commits, segments, sealed }: Erased): boolean => {
    const [last = 0] = row(selectSealed.get(log))
    return (
      (sealed === undefined || sealed === last) &&
      commits.every((commit) => selectText.get(log, commit.last, commit.was) !== undefined) &&
      segments.every(({ was }) => selectFile.get(log, was) !== undefined)
    )
  }
  return {
    erasedThrough,
    erasures: {
      async through(log) {
        return erasedThrough(log)
      },
      async put(log, erased) {
        const { through, commits, segments } = erased
        const isPut = inTransaction(db, () => {
          if (!isAsItWas(log, erased)) return false
          for (const { last, text } of commits) updateText.run(text, log, last)
          for (const { was, segment, file } of segments) {
            updateFile.run(segment.hash, segment.bytes, file, log, was)
            insertGone.run(log, was)
          }
          keepThrough.run(log, Math.max(through, erasedThrough(log)))
          return true
        })
        // The old texts would stay readable in the file of what was written last. Readers may keep it: then it is done by another.
        db.pragma('wal_checkpoint(TRUNCATE)')
        return isPut
      },
    },
  }
}
