import type { Commit, StoredEvent } from '../core/commit.ts'
import { closingOf } from '../core/lifecycle.ts'
import { matches, type Selector } from '../core/query.ts'
import type { View } from './view.ts'

/** What may have closed a stream beside what is confirmed. */
interface Before {
  /** Pending commits in front of this place. */
  readonly place?: number
  /** Commits of the same group. */
  readonly staged?: readonly Commit[]
}

/** A stream of these events that was closed before them, if any. */
export async function closedStream(
  { confirmed, sealed, pending }: View,
  events: readonly StoredEvent[],
  { place = Infinity, staged = [] }: Before = {},
): Promise<string | undefined> {
  const through = confirmed.head.position
  const isClosed = async (closing: Selector): Promise<boolean> => {
    const closes = [closing]
    if (!confirmed.matching(closes, { after: 0, through }).next().done) return true
    if (!pending.matching(closes, 0, place).next().done) return true
    if (staged.some((commit) => commit.events.some((event) => matches(closes, event)))) return true
    if (!(await sealed.hasClosings())) return false
    for await (const _event of sealed.matching(closes, { after: 0, through })) return true
    return false
  }
  for (const closing of closingOf(events)) if (await isClosed(closing)) return closing.stream
  return undefined
}
