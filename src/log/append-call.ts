import type { Commit, StoredEvent } from '../core/commit.ts'
import { mustBe, mustKnow, TidelogError } from '../core/errors.ts'
import { isCount, isRecord, isText } from '../core/guard.ts'
import { fitsBytes } from '../core/json.ts'
import { commitBytesMax, commitEventsMax, commitIdMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import { mustBeStreamName, queryToItems } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import type { AppendCall, AppendReason, Durability, Expected } from '../protocol/worker.ts'

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
export function readCall(call: AppendCall): Incoming | AppendReason {
  try {
    return read(call)
  } catch (error) {
    if (error instanceof TidelogError) return { type: 'Argument', message: error.message }
    throw error
  }
}

function read({ id, contentId, time, writes, options }: AppendCall): Incoming | AppendReason {
  mustKnow(options, 'commitId metadata durability expectedVersion failIfEventsMatch after')
  const { durability, metadata, failIfEventsMatch, after, expectedVersion = 'any' } = options
  mustBe(isText(id, commitIdMax), 'commitId', id)
  mustBe(durability === undefined || durability === 'relaxed' || durability === 'strict', 'durability', durability)
  mustBe(metadata === undefined || isRecord(metadata), 'metadata', metadata)
  for (const value of Object.values(metadata ?? {})) mustBe(typeof value === 'string', 'metadata', value)
  const events = writes.flatMap((write): readonly StoredEvent[] => write.events)
  mustBe(events.length > 0, 'events', 'none')
  for (const { stream } of events) mustBeStreamName(stream)
  const expected = writes.flatMap(expectedOf)
  const streams = new Set(expected.map(({ stream }) => stream))
  mustBe(streams.size === expected.length, 'expectedVersion', 'given twice for one stream')
  const failIf = failIfEventsMatch === undefined ? undefined : queryToItems(failIfEventsMatch)
  mustBe(expectedVersion === 'any' || failIf === undefined, 'an append', 'under two conditions')
  mustBe(after === undefined || expectedVersion !== 'any' || failIf !== undefined, 'after', 'without a condition')
  if (after !== undefined) mustBeMarker(after)
  const commit: Commit = {
    id,
    contentId,
    time,
    events,
    condition:
      expected.length + (failIf?.length ?? 0) === 0
        ? undefined
        : { streams: streams.size > 0 ? [...streams] : undefined, query: failIf },
    metadata,
  }
  const text = JSON.stringify(commit)
  if (events.length > commitEventsMax) return tooLarge('events', commitEventsMax)
  if (!fitsBytes(text, commitBytesMax)) return tooLarge('bytes', commitBytesMax)
  return { commit, text, expected, failIf, after, durability }
}

function expectedOf({
  stream: given,
  events,
  expectedVersion: version = 'any',
}: AppendCall['writes'][number]): readonly Expected[] {
  if (version === 'any') return []
  mustBe(version === 'exists' || isCount(version), 'expectedVersion', version)
  const stream = given ?? events[0]?.stream ?? ''
  mustBe(
    events.every((event) => event.stream === stream),
    'expectedVersion',
    'for several streams',
  )
  return [{ stream, version }]
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
