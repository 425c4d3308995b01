import { rowFormat, type SegmentPlace } from '../protocol/rows.ts'
import type { Bytes } from '../segments/gzip.ts'
import type { Request } from '../store/store.ts'
import { partKey } from './shelf.ts'

/** What stores a segment: its gzipped parts, and a directory text for each bucket, or one for all where it is not spread. */
export function segmentRows(
  place: SegmentPlace,
  parts: readonly Bytes[],
  directory: readonly string[],
): readonly Request[] {
  const { last, isSpread } = place
  const format = rowFormat
  return [
    ...parts.map((part, number): Request => {
      return { op: 'add', store: 'log', row: { last: partKey(place, number), format, part } }
    }),
    ...directory.map((text, bucket): Request => {
      return isSpread
        ? { op: 'add', store: 'dir', row: { bucket, group: last, format, directory: text } }
        : { op: 'add', store: 'log', row: { last, format, directory: text } }
    }),
  ]
}
