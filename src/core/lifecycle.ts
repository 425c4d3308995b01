import type { StoredEvent } from './commit.ts'
import { isCount, isRecord } from './guard.ts'
import type { Selector } from './query.ts'

// Types of events that the log itself understands. The types of a model never begin with `$`.

/** The last event of its stream: appends that come after it are refused. */
export const closedType = '$closed'
/** What its stream held before is removed. Its stream may be a pattern: then it is the removal of what was kept long enough. */
export const erasedType = '$erased'

/** Data of an event of {@link erasedType}. */
export interface ErasureData {
  /** Events up to this position are removed; all before the erasure by default. */
  readonly through?: number
  /** Its stream is a pattern, of which `*` stands for anything. */
  readonly isPattern?: true
  readonly reason?: string
}

/** Whether a type is one of the log's own. */
export const isOwnType = (type: string): boolean => type.startsWith('$')

/** What must not be there for events to be appended: the end of one of their streams. What was closed can still be erased. */
export const closingOf = (events: readonly StoredEvent[]): readonly (Selector & { readonly stream: string })[] =>
  [...new Set(events.flatMap(({ type, stream }) => (type === erasedType ? [] : stream)))].map((stream) => ({
    stream,
    types: [closedType],
  }))

/** Tells the streams that a pattern means, of which `*` stands for anything. */
export function matcherOf(pattern: string): (stream: string) => boolean {
  const [start = '', ...rest] = pattern.split('*')
  const end = rest.pop()
  if (end === undefined) return (stream) => stream === pattern
  // No expression: one of many stars could take for ever, and patterns come from other devices.
  return (stream) => {
    let from = start.length
    const to = stream.length - end.length
    if (from > to || !stream.startsWith(start) || !stream.endsWith(end)) return false
    return rest.every((part) => {
      const at = stream.indexOf(part, from)
      from = at + part.length
      return at >= 0 && from <= to
    })
  }
}

/** Guards the data of an erasure. */
export const isErasureData = (value: unknown): value is ErasureData =>
  isRecord(value) &&
  (value.through === undefined || isCount(value.through)) &&
  (value.isPattern === undefined || value.isPattern === true) &&
  (value.reason === undefined || typeof value.reason === 'string')

/** What an erasure in the log removes: events of its streams up to a position. */
export interface Erasure {
  /** The one stream; absent for a pattern. */
  readonly stream: string | undefined
  readonly isOf: (stream: string) => boolean
  readonly through: number
  /** All that was there when it came, whatever its place. */
  readonly isWhole: boolean
}

/** What an event removes that lies at a position; nothing when it is no erasure. */
export function erasureOf({ type, stream, data }: StoredEvent, position: number): Erasure | undefined {
  if (type !== erasedType || !isErasureData(data)) return undefined
  const through = Math.min(data.through ?? Infinity, position - 1)
  const reach = { through, isWhole: data.through === undefined }
  return data.isPattern
    ? { stream: undefined, isOf: matcherOf(stream), ...reach }
    : { stream, isOf: (other) => other === stream, ...reach }
}

/** Tells what some erasures remove. The events by which the log tells of itself stay. */
export const erasing =
  (erasures: readonly Erasure[]): IsErased =>
  ({ type, stream }, position) =>
    !isOwnType(type) && erasures.some(({ isOf, through }) => position <= through && isOf(stream))
export type IsErased = (event: Pick<StoredEvent, 'type' | 'stream'>, position: number) => boolean
