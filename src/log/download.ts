import type { PullRow, SegmentPlace } from '../protocol/rows.ts'
import { Directory, type Found } from '../segments/directory.ts'
import type { SegmentFile } from '../segments/file.ts'
import { partsFor } from '../segments/selection.ts'
import { bucketOf, type Term, termOf } from '../segments/terms.ts'
import type { Engine, Plan } from './engine.ts'
import { segmentRows } from './segment-rows.ts'
import type { View } from './view.ts'

/** The sealed log as the server has it: what a device need not pack itself. */
export interface Download {
  readonly file: SegmentFile
  /** Digest of the log before the file. */
  readonly digestBefore: string
}

/**
 * Puts a segment of the server into the log as it came. False when it has to be pulled instead: it does not follow what is
 * sealed here, or holds what a pending, refused or withdrawn commit has to be compared with.
 */
export async function takeSegment(engine: Engine, download: Download): Promise<boolean> {
  const find = finderOf(download.file)
  return (await engine.write((view) => planOf(view, download, find))) ?? false
}

type FindIn = (term: Term) => Found | undefined

/** Most terms are never looked for, so most buckets are never read. */
function finderOf({ directory, parts }: SegmentFile): FindIn {
  const read = new Map<number, Directory>()
  return (term) => {
    const bucket = bucketOf(term)
    const known = read.get(bucket) ?? new Directory(directory[bucket] ?? '')
    read.set(bucket, known)
    return known.find(term, parts.length)
  }
}

function planOf(view: View, { file, digestBefore }: Download, find: FindIn): Plan<boolean> | undefined {
  const { confirmed, sealed, revision } = view
  const { first, last, digest, parts, directory } = file
  const { position } = confirmed.head
  if (view.local === true || position !== first - 1 || confirmed.head.digest !== digestBefore) return undefined
  if (sealed.head.position !== position || concerns(view, find, parts.length)) return undefined
  const segment: SegmentPlace = { first, last, parts: parts.length, isSpread: true, digest, revision: revision + 1 }
  const row: Omit<PullRow, 'revision' | 'format'> = {
    kind: 'pull',
    from: position,
    through: { position: last, digest },
    settled: [],
    own: [],
    takenOut: [],
    segment,
  }
  return { row, beside: segmentRows(segment, parts, directory), durability: 'relaxed', result: true }
}

/** Whether anything that waits or has ended here is about what the segment holds. */
function concerns({ pending, dead, settled }: View, find: FindIn, partCount: number): boolean {
  for (const { commit, selectors } of pending.list())
    if (find(termOf.commit(commit.id)) !== undefined || partsFor(selectors, find, partCount).length > 0) return true
  return [...dead, ...settled].some((id) => find(termOf.commit(id)) !== undefined)
}
