import type { ListedSegment } from '../src/protocol/sync.ts'
import { isNextSegment } from './sequence.ts'
import { count, row, type Sql, text } from './sql.ts'
import type { SegmentStore } from './store.ts'

type File = Uint8Array<ArrayBuffer>

/** The rows of segments with their files: how large a value may be differs. The last two are called in a transaction. */
export interface SegmentFiles {
  readonly get: (log: string, hash: string) => File | undefined
  readonly insert: (log: string, segment: ListedSegment, file: File) => void
  readonly replace: (log: string, was: string, segment: ListedSegment, file: File) => void
}

/** Segments beside the logs of one database. */
export function sqlSegments(
  { select, transaction }: Sql,
  files: SegmentFiles,
  erasedThrough: (log: string) => number,
): SegmentStore {
  const selectAll = select('SELECT first, last, digest, hash, bytes FROM segments WHERE log = ? ORDER BY last')
  const selectLast = select('SELECT last FROM segments WHERE log = ? ORDER BY last DESC LIMIT 1')
  const selectGone = select('SELECT 1 FROM gone WHERE log = ? AND hash = ?')
  return {
    async list(log) {
      return selectAll(log).map(toListed)
    },
    async get(log, hash) {
      return files.get(log, hash) ?? (selectGone(log, hash).length > 0 ? 'gone' : undefined)
    },
    async add(log, segment, file, erased) {
      transaction(() => {
        if (erased !== undefined && erased !== erasedThrough(log)) return
        const [last] = row(selectLast(log)[0])
        if (!isNextSegment(segment, last === undefined ? undefined : { last: count(last) })) return
        files.insert(log, segment, file)
      })
    },
  }
}

function toListed(value: unknown): ListedSegment {
  const [first, last, digest, hash, bytes] = row(value)
  return { first: count(first), last: count(last), digest: text(digest), hash: text(hash), bytes: count(bytes) }
}
