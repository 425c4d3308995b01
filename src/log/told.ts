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
    const events = eventsIn(row.commits)
    const isLocal = row.first !== undefined
    if (isLocal && row.first !== position + 1) return false
    return log.length === 0 && events > 0 && notice.confirmed === position + (isLocal ? events : 0)
  }
  // Rare, and of many shapes: what has no record to be checked by is read from disk.
  const [record] = log
  if (kind !== 'pull' || log.length !== 1 || !isRecord(record) || row.segment !== undefined) return false
  return (
    isSeen(row.through) &&
    row.from === position &&
    isListOf(row.settled, isName) &&
    isListOf(row.own, isName) &&
    isListOf(row.takenOut, isGone) &&
    record.first === position + 1 &&
    record.last === row.through.position &&
    record.digest === row.through.digest &&
    isListOf(record.revisions, isRevision) &&
    position + eventsIn(record.commits) === record.last &&
    notice.confirmed === record.last
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
