import { type Connection, count, inTransaction, row } from './sqlite-file.ts'
import type { ErasureStore } from './store.ts'

/** What erasures change in one SQLite file. */
export function sqliteErasures(db: Connection): {
  readonly erasedThrough: (log: string) => number
  readonly erasures: ErasureStore
} {
  const selectThrough = db.prepare('SELECT through FROM erased WHERE log = ?').raw()
  const keepThrough = db.prepare('INSERT OR REPLACE INTO erased (log, through) VALUES (?, ?)')
  const updateText = db.prepare('UPDATE commits SET text = ? WHERE log = ? AND last = ?')
  const updateFile = db.prepare('UPDATE segments SET hash = ?, bytes = ?, file = ? WHERE log = ? AND hash = ?')
  const insertGone = db.prepare('INSERT OR IGNORE INTO gone (log, hash) VALUES (?, ?)')
  const erasedThrough = (log: string): number => {
    const [through] = row(selectThrough.get(log))
    return through === undefined ? 0 : count(through)
  }
  return {
    erasedThrough,
    erasures: {
      async through(log) {
        return erasedThrough(log)
      },
      async put(log, { through, commits, segments }) {
        inTransaction(db, () => {
          for (const { last, text } of commits) updateText.run(text, log, last)
          for (const { was, segment, file } of segments) {
            updateFile.run(segment.hash, segment.bytes, file, log, was)
            insertGone.run(log, was)
          }
          keepThrough.run(log, Math.max(through, erasedThrough(log)))
        })
        // The old texts would stay readable in the file of what was written last. Readers may keep it: then it is done by another.
        db.pragma('wal_checkpoint(TRUNCATE)')
      },
    },
  }
}
