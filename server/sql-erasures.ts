import { count, row, type Sql } from './sql.ts'
import type { SegmentFiles } from './sql-segments.ts'
import type { Erased } from './store.ts'

/** What erasures change in one database. */
export interface SqlErasures {
  readonly through: (log: string) => number
  readonly put: (log: string, erased: Erased) => boolean
}

export function sqlErasures({ select, write, transaction }: Sql, files: SegmentFiles): SqlErasures {
  const selectThrough = select('SELECT through FROM erased WHERE log = ?')
  const keepThrough = write('INSERT OR REPLACE INTO erased (log, through) VALUES (?, ?)')
  const selectText = select('SELECT 1 FROM commits WHERE log = ? AND last = ? AND text = ?')
  const updateText = write('UPDATE commits SET text = ? WHERE log = ? AND last = ?')
  const selectFile = select('SELECT 1 FROM segments WHERE log = ? AND hash = ?')
  const selectSealed = select('SELECT last FROM segments WHERE log = ? ORDER BY last DESC LIMIT 1')
  const insertGone = write('INSERT OR IGNORE INTO gone (log, hash) VALUES (?, ?)')
  const erasedThrough = (log: string): number => {
    const [through] = row(selectThrough(log)[0])
    return through === undefined ? 0 : count(through)
  }
  const isAsItWas = (log: string, { commits, segments, sealed }: Erased): boolean => {
    const [last = 0] = row(selectSealed(log)[0])
    return (
      (sealed === undefined || sealed === last) &&
      commits.every((commit) => selectText(log, commit.last, commit.was).length > 0) &&
      segments.every(({ was }) => selectFile(log, was).length > 0)
    )
  }
  return {
    through: erasedThrough,
    put: (log, erased) =>
      transaction(() => {
        if (!isAsItWas(log, erased)) return false
        for (const { last, text } of erased.commits) updateText(text, log, last)
        for (const { was, segment, file } of erased.segments) {
          files.replace(log, was, segment, file)
          insertGone(log, was)
        }
        keepThrough(log, Math.max(erased.through, erasedThrough(log)))
        return true
      }),
  }
}
