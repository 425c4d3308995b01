import type { ListedSegment } from '../src/protocol/sync.ts'
import { isNextSegment } from './sequence.ts'
import type { SegmentStore } from './store.ts'

interface Row {
  readonly segment: ListedSegment
  readonly file: Uint8Array<ArrayBuffer>
}

/** Segments that are forgotten with the process. */
export function memorySegments(): SegmentStore {
  const logs = new Map<string, Row[]>()
  return {
    async list(log) {
      return (logs.get(log) ?? []).map(({ segment }) => segment)
    },
    async get(log, hash) {
      return logs.get(log)?.find(({ segment }) => segment.hash === hash)?.file
    },
    async add(log, segment, file) {
      const rows = logs.get(log) ?? []
      if (isNextSegment(segment, rows.at(-1)?.segment)) logs.set(log, [...rows, { segment, file }])
    },
  }
}
