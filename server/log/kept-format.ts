import type { Commit, StoredEvent } from '../../src/core/commit.ts'
import { damaged } from '../../src/core/damage.ts'
import { TidelogError } from '../../src/core/errors.ts'
import { isCount, isRecord } from '../../src/core/guard.ts'
import { commitBytesMax } from '../../src/core/limits.ts'
import type { Clock, Random } from '../../src/core/ports.ts'
import { fitsBytes } from '../../src/core/text-size.ts'
import { timeNow } from '../../src/core/time.ts'
import type { KeptChanges, KeptRow } from '../../src/protocol/worker.ts'
import type { Placeable } from '../sequence.ts'
import type { SequencedCommit } from '../store.ts'
import { readStored } from '../stored.ts'

/** Characters of the rows in one commit of a snapshot; some take three bytes. */
const partTextMax = 250_000

/** What one commit of the log of what is kept says: changes, and where the rows begin that they follow. */
export interface Kept {
  /** The first position of the last whole snapshot; 1 at first. */
  readonly since: number
  readonly changes: KeptChanges
}
const eventOf = (data: Kept | null): StoredEvent => ({ type: '$kept', stream: 'kept', data })

/** A commit that can be sequenced. Throws `tidelog/argument` for what no store takes. */
export function toPlaceable(
  kept: Kept,
  { random, clock }: { readonly random: Random; readonly clock: Clock },
): Placeable {
  const id = random.newId()
  const text = JSON.stringify({ id, contentId: id, time: timeNow(clock), events: [eventOf(kept)] } satisfies Commit)
  if (!fitsBytes(text, commitBytesMax))
    throw new TidelogError('tidelog/argument', 'what a consumer keeps at once is too large')
  return { id, contentId: id, eventsCount: 1, text }
}

/** Changes and those that come behind them as one: rows that would be deleted are not put first. */
export function joined(before: KeptChanges = {}, next: KeptChanges): KeptChanges {
  const { put = [], delete: gone = [] } = before
  const isGone = ({ chain, n }: KeptRow): boolean =>
    next.delete?.some((one) => one.chain === chain && one.from <= n && n <= one.to) === true
  return {
    ...next,
    put: [...put.filter((row) => !isGone(row)), ...(next.put ?? [])],
    delete: [...gone, ...(next.delete ?? [])],
  }
}

/** Nothing for what was blanked. */
export function keptIn(commit: SequencedCommit): Kept | undefined {
  const [event] = readStored(commit).events
  if (event?.isErased === true) return undefined
  const data = event?.data
  if (!isRecord(data) || !isCount(data.since, 1) || !isRecord(data.changes)) throw damaged(`kept at ${commit.last}`)
  return data as unknown as Kept
}

/** The text of a commit with other content. */
export const withContent = (text: string, kept: Kept): string =>
  JSON.stringify({ ...JSON.parse(text), events: [eventOf(kept)] })

/** The same without any. */
export const blankOf = ({ text }: SequencedCommit): string =>
  JSON.stringify({ ...JSON.parse(text), events: [{ ...eventOf(null), isErased: true }] })

/** Rows in parts that fit into a commit each; one at least. */
export function partsOf(rows: readonly KeptRow[]): readonly (readonly KeptRow[])[] {
  const parts: KeptRow[][] = [[]]
  let size = 0
  for (const row of rows) {
    const length = JSON.stringify(row).length
    if (size > 0 && size + length > partTextMax) {
      parts.push([])
      size = 0
    }
    parts.at(-1)?.push(row)
    size += length
  }
  return parts
}
