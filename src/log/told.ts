import { isCommit } from '../core/commit.ts'
import { isCount, isListOf, isRecord } from '../core/guard.ts'
import type { MovedNotice } from '../protocol/notice.ts'
import { isKnownRow, rowFormat } from '../protocol/rows.ts'
import { isSeen } from '../protocol/sync.ts'
import type { View } from './view.ts'

/** What a row brings is not read from disk again: it must be what comes next, and leave the view where the notice says. */
export function follows(view: View, notice: MovedNotice): boolean {
  const row: unknown = notice.row
  const log: unknown = notice.log ?? []
  const next = view.revision + 1
  if (notice.previous !== view.revision || notice.head !== next || !isRecord(row) || !Array.isArray(log)) return false
  const { kind, format, revision } = row
  if (revision !== next || format !== rowFormat || typeof kind !== 'string' || !isKnownRow({ kind, format }))
    return false
  const { position } = view.confirmed.head
  if (kind === 'append') {
    const { commits, events } = contentOf(row.commits)
    const isLocal = row.first !== undefined
    if (commits === 0 || (isLocal && row.first !== position + 1)) return false
    const pending = view.pending.size + (isLocal ? 0 : commits)
    return notice.confirmed === position + (isLocal ? events : 0) && notice.pending === pending
  }
  // Of the others only a page of a pull is frequent; they are read from disk.
  const [record] = log
  if (kind !== 'pull' || row.segment !== undefined || !isRecord(record) || !isSeen(row.through)) return false
  const { through } = row
  return (
    [row.settled, row.own].every((ids) => isListOf(ids, isName)) &&
    isListOf(row.takenOut, isGone) &&
    isListOf(record.revisions, isRevision) &&
    record.first === position + 1 &&
    record.last === through.position &&
    record.digest === through.digest &&
    position + contentOf(record.commits).events === through.position &&
    notice.confirmed === through.position
  )
}

const isName = (value: unknown): value is string => typeof value === 'string'
const isRevision = (value: unknown): value is number => isCount(value, 1)
const isGone = (value: unknown): value is { readonly stream: string } => isRecord(value) && isName(value.stream)

/** What the text of a list of commits holds; nothing where it is no such text. */
function contentOf(text: unknown): { readonly commits: number; readonly events: number } {
  try {
    const list: unknown = JSON.parse(String(text))
    if (isListOf(list, isCommit))
      return { commits: list.length, events: list.reduce((sum, { events }) => sum + events.length, 0) }
  } catch {
    // Not even JSON.
  }
  return { commits: 0, events: 0 }
}
