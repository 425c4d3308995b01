import type { ListedSegment } from '../src/protocol/sync.ts'
import { isNextSegment } from './sequence.ts'
import type { Erased, ErasureStore, SegmentStore } from './store.ts'

interface Row {
  readonly segment: ListedSegment
  readonly file: Uint8Array<ArrayBuffer>
}

export interface MemorySegments extends SegmentStore {
  /** Puts files in the place of others, as {@link ErasureStore} has it. */
  readonly replace: (log: string, segments: Erased['segments'], sealed: number | undefined) => boolean
}

/** Segments that are forgotten with the process. */
export function memorySegments(erasedThrough: (log: string) => number): MemorySegments {
  const logs = new Map<string, Row[]>()
  const gone = new Set<string>()
  const nameOf = (log: string, hash: string): string => `${hash} ${log}`
  return {
    async list(log) {
      return (logs.get(log) ?? []).map(({ segment }) => segment)
    },
    async get(log, hash) {
      const file = logs.get(log)?.find(({ segment }) => segment.hash === hash)?.file
      return file ?? (gone.has(nameOf(log, hash)) ? 'gone' : undefined)
    },
    async add(log, segment, file, erased = erasedThrough(log)) {
      const rows = logs.get(log) ?? []
      if (erased !== erasedThrough(log) || !isNextSegment(segment, rows.at(-1)?.segment)) return
      logs.set(log, [...rows, { segment, file }])
    },
    replace(log, segments, sealed) {
      const rows = [...(logs.get(log) ?? [])]
      if (sealed !== undefined && sealed !== (rows.at(-1)?.segment.last ?? 0)) return false
      for (const { was, segment, file } of segments) {
        const at = rows.findIndex((row) => row.segment.hash === was)
        if (at < 0) return false
        rows[at] = { segment, file }
      }
      for (const { was } of segments) gone.add(nameOf(log, was))
      logs.set(log, rows)
      return true
    },
  }
}
