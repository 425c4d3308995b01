import type { Commit, StoredEvent } from '../core/commit.ts'
import { isTidelogError, mustBe, mustKnow, TidelogError, type TidelogErrorCode } from '../core/errors.ts'
import { isCount, isId, isRecord } from '../core/guard.ts'
import { commitBytesMax, commitEventsMax, commitIdMax } from '../core/limits.ts'
import type { Marker, TooLarge } from '../core/outcome.ts'
import { mustBeStorable } from '../core/prepare.ts'
import { queryToItems } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import { fitsBytes } from '../core/text-size.ts'
import type { AppendCall, AppendReason, AppendText, Durability, Expected, KeptChanges } from '../protocol/worker.ts'

/** An append that makes sense: what is to be written, and what has to hold. */
export interface Incoming {
  readonly commit: Commit
  readonly text: string
  readonly expected: readonly Expected[]
  readonly failIf?: readonly Selector[] | undefined
  readonly after?: Marker | undefined
  readonly durability: Durability | undefined
  /** What a consumer keeps with it. */
  readonly keep?: KeptChanges | undefined
  /** A dead letter is tried again: that its id is known is no objection. */
  readonly isRetry?: boolean
}

/** Reads what a page asks for, and says why it can't be had when it makes no sense. */
export function readCall([commit, call]: AppendText, mustBeKept: MustBeKept = () => {}): Incoming | AppendReason {
  try {
    return read(JSON.parse(commit), commit, JSON.parse(call), mustBeKept)
  } catch (error) {
    return toErrorReason(error)
  }
}

/** An error as an answer; what is not one of tidelog's is thrown on. */
export function toErrorReason(error: unknown): AppendReason {
  if (!isTidelogError(error)) throw error
  return { type: 'Error', code: error.name as TidelogErrorCode, message: error.message }
}

/** Refuses conditions on streams whose events are not kept for good. */
export type MustBeKept = (streams: readonly string[]) => void

function read(commit: Commit, text: string, call: AppendCall, mustBeKept: MustBeKept): Incoming | AppendReason {
  const { id, metadata, events, command } = commit
  const { writes = [{ count: events.length }], options, keep } = call
  const { durability, failIfEventsMatch, after, expectedVersion = 'any', ...unknown } = options
  mustKnow(unknown, '')
  mustBe(isId(id, commitIdMax), 'commitId', id)
  mustBe(durability === undefined || durability === 'relaxed' || durability === 'strict', 'durability', durability)
  mustBe(metadata === undefined || isRecord(metadata), 'metadata', metadata)
  for (const value of Object.values(metadata ?? {})) mustBe(typeof value === 'string', 'metadata', value)
  if (command !== undefined) return { ...toIncoming(commit, text, durability), keep }
  mustBe(events.length > 0, 'events', 'none')
  mustBeStorable(events)
  const expected = expectedOf(writes, events, expectedVersion)
  const streams = eachOnce(expected)
  mustBeKept([...streams])
  const failIf = failIfEventsMatch === undefined ? undefined : queryToItems(failIfEventsMatch)
  mustBe(expectedVersion === 'any' || failIf === undefined, 'an append', 'under two conditions')
  mustBe(after === undefined || expectedVersion !== 'any' || failIf !== undefined, 'after', 'without a condition')
  if (after !== undefined) mustBeMarker(after)
  const ready = { ...toIncoming(commit, text, durability), expected, failIf, after, keep }
  if (expected.length > 0 || failIf !== undefined) {
    const condition = { streams: streams.size > 0 ? [...streams] : undefined, query: failIf }
    ready.commit = { ...commit, condition }
    // The commit's own text is taken over: writing it anew would be a third of the work of a large one.
    ready.text = `${text.slice(0, -1)},"condition":${JSON.stringify(condition)}}`
  }
  return tooLargeOf(ready.commit, ready.text) ?? ready
}

/** A commit without a condition of its own; a command gets its events later. */
export const toIncoming = (
  commit: Commit,
  text: string = JSON.stringify(commit),
  durability?: Durability,
): Incoming => ({
  commit,
  text,
  expected: [],
  durability,
})

/** Whether a commit is more than every store takes. */
export function tooLargeOf({ events }: Pick<Commit, 'events'>, text: string): TooLarge | undefined {
  if (events.length > commitEventsMax) return tooLarge('events', commitEventsMax)
  return fitsBytes(text, commitBytesMax) ? undefined : tooLarge('bytes', commitBytesMax)
}

function expectedOf(
  writes: NonNullable<AppendCall['writes']>,
  events: readonly StoredEvent[],
  general: unknown,
): readonly Expected[] {
  const expected: Expected[] = []
  let from = 0
  for (const { stream: given, count, expectedVersion: version = general } of writes) {
    const own = events.slice(from, from + count)
    from += count
    if (version === 'any') continue
    mustBe(version === 'exists' || isCount(version), 'expectedVersion', version)
    const stream = given ?? own[0]?.stream ?? ''
    const isOne = own.every((event) => event.stream === stream)
    mustBe(isOne, 'expectedVersion', 'for several streams')
    expected.push({ stream, version })
  }
  return expected
}

function eachOnce(expected: readonly Expected[]): ReadonlySet<string> {
  const streams = new Set<string>()
  for (const { stream } of expected) {
    if (streams.has(stream))
      throw new TidelogError('tidelog/argument', `stream ${stream} has more than one expectedVersion`)
    streams.add(stream)
  }
  return streams
}

/** Refuses what no read or append has given. */
export function mustBeMarker(marker: unknown): asserts marker is Marker {
  const isMarker =
    isRecord(marker) && typeof marker.database === 'string' && isCount(marker.revision) && isCount(marker.confirmed)
  mustBe(isMarker, 'a marker', JSON.stringify(marker))
}

const tooLarge = (what: 'bytes' | 'events', max: number): TooLarge => ({
  type: 'TooLarge',
  what,
  max,
  message: `a commit has at most ${max} ${what}`,
})
