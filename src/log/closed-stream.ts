import type { StoredEvent } from '../core/commit.ts'
import { closedType, closingOf } from '../core/lifecycle.ts'
import type { Selector } from '../core/query.ts'
import type { View } from './view.ts'

/** What may have closed a stream beside what is confirmed. */
interface Before {
  /** Pending commits in front of this place. */
  readonly place?: number
  /** Streams that are closed in the same group. */
  readonly staged?: ReadonlySet<string>
}

/** A stream of these events that was closed before them, if any. */
export async function closedStream(
  { confirmed, sealed, pending }: View,
  events: readonly StoredEvent[],
  { place = Infinity, staged = new Set() }: Before = {},
): Promise<string | undefined> {
  const window = { after: 0, through: confirmed.head.position }
  const isInMemory = (closing: Selector): boolean =>
    [confirmed.matching([closing], window), pending.matching([closing], 0, place)].some((found) => !found.next().done)
  const isSealed = async (closing: Selector): Promise<boolean> => {
    for await (const _event of sealed.matching([closing], window)) return true
    return false
  }
  // Asked once: appends come by the thousand, and closed streams are rare.
  const maySealed = await sealed.hasClosings()
  if (staged.size === 0 && !maySealed && !isInMemory({ types: [closedType] })) return undefined
  for (const closing of closingOf(events)) {
    const { stream } = closing
    if (staged.has(stream) || isInMemory(closing) || (maySealed && (await isSealed(closing)))) return stream
  }
  return undefined
}
