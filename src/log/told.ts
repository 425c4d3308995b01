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
    const last = row.first === undefined ? position : position + eventsIn(row.commits)
    return (row.first ?? position + 1) === position + 1 && eventsIn(row.commits) > 0 && notice.confirmed === last
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
    position + eventsIn(record.commits) === through.position &&
    notice.confirmed === through.position
  )
}

const isName = (value: unknown): value is string => typeof value === 'string'
const isRevision = (value: unknown): value is number => isCount(value, 1)
const isGone = (value: unknown): value is { readonly stream: string } => isRecord(value) && isName(value.stream)

/** How many events the text of a list of commits has; none where it is no such text. */
function eventsIn(text: unknown): number {
  try {
    const commits: unknown = JSON.parse(String(text))
    return isListOf(commits, isCommit) ? commits.reduce((sum, { events }) => sum + events.length, 0) : 0
  } catch {
    return 0
  }
}
