import { defineEvents, defineFor, event, type } from 'tidelog'
import type { Commit } from '../../src/core/commit.ts'

export interface Part {
  /** Events of the commit, to see whether one ever shows in part. */
  readonly of: number
}
export interface SeatData extends Part {
  readonly seat: string
  readonly by: string
}
export interface NoteData extends Part {
  readonly topic: string
  readonly text: string
}

export const events = defineEvents({
  Booked: event(type<SeatData>(), { stream: ({ seat }) => `seat-${seat}`, tags: ['seat'] }),
  Released: event(type<SeatData>(), { stream: ({ seat }) => `seat-${seat}`, tags: ['seat'] }),
  Noted: event(type<NoteData>(), { stream: ({ topic }) => `topic-${topic}`, tags: ['topic'] }),
})
export const define = defineFor(events)

/** What the server takes from nobody. */
export const forbiddenText = 'forbidden'
export const isForbidden = (commit: Commit): boolean =>
  commit.events.some(({ data }) => (data as Partial<NoteData>).text === forbiddenText)

/** One event with its place, as a view has folded it. */
export interface Entry {
  readonly id: string
  readonly commitId: string
  readonly type: string
  readonly stream: string
  readonly version: number
  readonly position: number | undefined
  readonly tags: readonly string[]
  readonly data: unknown
}
export const entryOf = ({ id, commitId, type, stream, version, position, tags, data }: Entry): Entry => ({
  id,
  commitId,
  type,
  stream,
  version,
  position,
  tags,
  data,
})
const append = (state: readonly Entry[], entry: Entry): readonly Entry[] => [...state, entryOf(entry)]
export const history = define.projection<readonly Entry[]>({
  name: 'history',
  version: 1,
  initial: [],
  on: { Booked: append, Released: append, Noted: append },
})

export interface Fact {
  readonly type: string
  readonly stream: string
  readonly tags: readonly string[]
  readonly data: unknown
}
/** What a condition looks at. */
export interface Look {
  readonly stream?: string
  readonly types?: readonly string[]
  readonly tags?: readonly string[]
}
