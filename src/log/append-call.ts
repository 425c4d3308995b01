import type { Commit, StoredEvent } from '../core/commit.ts'
import { mustBe, mustKnow, TidelogError } from '../core/errors.ts'
import { isCount, isId, isRecord, isText } from '../core/guard.ts'
import { commitBytesMax, commitEventsMax, commitIdMax, tagLengthMax, tagsPerEventMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import { mustBeStreamName, queryToItems } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import { fitsBytes } from '../core/text-size.ts'
import type { AppendCall, AppendReason, AppendText, Durability, Expected } from '../protocol/worker.ts'

/** An append that makes sense: what is to be written, and what has to hold. */
export interface Incoming {
  readonly commit: Commit
  readonly text: string
  readonly expected: readonly Expected[]
  readonly failIf: readonly Selector[] | undefined
  readonly after: Marker | undefined
  readonly durability: Durability | undefined
}

/** Reads what a page asks for, and says why it can't be had when it makes no sense. */
export function readCall([call, events]: AppendText): Incoming | AppendReason {
  try {
    return read(JSON.parse(call), JSON.parse(events), events)
  } catch (error) {
    if (error instanceof TidelogError) return { type: 'Argument', message: error.message }
    throw error
  }
}

function read(call: AppendCall, events: readonly StoredEvent[], eventsText: string): Incoming | AppendReason {
  const { id, contentId, time, writes, options } = call
  mustKnow(options, 'commitId metadata durability expectedVersion failIfEventsMatch after')
  const { durability, metadata, failIfEventsMatch, after, expectedVersion = 'any' } = options
  mustBe(isId(id, commitIdMax), 'commitId', id)
  mustBe(durability === undefined || durability === 'relaxed' || durability === 'strict', 'durability', durability)
  mustBe(metadata === undefined || isRecord(metadata), 'metadata', metadata)
  for (const value of Object.values(metadata ?? {})) mustBe(typeof value === 'string', 'metadata', value)
  mustBe(events.length > 0, 'events', 'none')
  for (const { stream, tags } of events) {
    mustBeStreamName(stream)
    if (tags !== undefined) mustBe(tags.length <= tagsPerEventMax && tags.every(isTag), 'tags', `${tags}`)
  }
  const expected = expectedOf(writes, events)
  const streams = new Set(expected.map(({ stream }) => stream))
  mustBe(streams.size === expected.length, 'expectedVersion', 'given twice for one stream')
  const failIf = failIfEventsMatch === undefined ? undefined : queryToItems(failIfEventsMatch)
  mustBe(expectedVersion === 'any' || failIf === undefined, 'an append', 'under two conditions')
  mustBe(after === undefined || expectedVersion !== 'any' || failIf !== undefined, 'after', 'without a condition')
  if (after !== undefined) mustBeMarker(after)
  const hasCondition = expected.length > 0 || failIf !== undefined
  const condition = { streams: streams.size > 0 ? [...streams] : undefined, query: failIf }
  const head = { id, contentId, time, condition: hasCondition ? condition : undefined, metadata }
  // The events' own text is taken over: writing it anew would be a third of the work of a large commit.
  const text = `${JSON.stringify(head).slice(0, -1)},"events":${eventsText}}`
  if (events.length > commitEventsMax) return tooLarge('events', commitEventsMax)
  if (!fitsBytes(text, commitBytesMax)) return tooLarge('bytes', commitBytesMax)
  return { commit: { ...head, events }, text, expected, failIf, after, durability }
}

const isTag = (tag: unknown): boolean => isText(tag, tagLengthMax)

function expectedOf(writes: AppendCall['writes'], events: readonly StoredEvent[]): readonly Expected[] {
  const expected: Expected[] = []
  let from = 0
  for (const { stream: given, count, expectedVersion: version = 'any' } of writes) {
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

/** Refuses what no read or append has given. */
export function mustBeMarker(marker: unknown): asserts marker is Marker {
  const isMarker =
    isRecord(marker) && typeof marker.database === 'string' && isCount(marker.revision) && isCount(marker.confirmed)
  mustBe(isMarker, 'a marker', JSON.stringify(marker))
}

const tooLarge = (what: 'bytes' | 'events', max: number): AppendReason => ({
  type: 'TooLarge',
  what,
  max,
  message: `nothing was written: a commit has at most ${max} ${what}`,
})
