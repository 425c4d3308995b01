import { isCount, isId, isListOf, isRecord, isText } from './guard.ts'
import { commitEventsMax, commitIdMax, eventTypeMax, streamNameMax, tagsPerEventMax } from './limits.ts'
import { isQueryItem, isTag, type QueryItemData } from './query.ts'

/** What is known of an event beside its data. Values are strings. */
export interface Metadata {
  readonly correlationId?: string
  readonly causationId?: string
  readonly traceparent?: string
  readonly actor?: string
  readonly [key: string]: string | undefined
}

/** An event as it rests on disk and travels: what a reader needs beyond the commit and the place in the log. */
export interface StoredEvent {
  readonly type: string
  readonly stream: string
  readonly data: unknown
  readonly tags?: readonly string[] | undefined
  /** Version of the event's schema; absent means 1. */
  readonly v?: number | undefined
  /** Its data was removed: there is `null` in its place. */
  readonly isErased?: true | undefined
}

/** What must not have changed since the commit was made. It travels to the sequencer, which checks it again. */
export interface CommitCondition {
  readonly streams?: readonly string[] | undefined
  readonly query?: readonly QueryItemData[] | undefined
}

/** A command as it is kept with its pending commit: what its decider is asked again. */
export interface CommandData {
  /** Name of the decider. */
  readonly name: string
  /** Version of the command's schema. */
  readonly v: number
  readonly data: unknown
}

/** The events of one append. Atomic in storage, in a notice, on the wire and on the server. */
export interface Commit {
  /** Names the append over all retries and decisions. */
  readonly id: string
  /** Names this content: new with each decision, so that two contents of one id are told apart. */
  readonly contentId: string
  /** ISO 8601, by the device's clock; informational. */
  readonly time: string
  readonly events: readonly StoredEvent[]
  readonly condition?: CommitCondition | undefined
  readonly metadata?: Metadata | undefined
  /** What was asked of a decider: kept on the device while the commit is pending. */
  readonly command?: CommandData | undefined
  /** How often it was decided, when more than once; on the device only. */
  readonly attempt?: number | undefined
}

/** The id of the n-th event (from 0) of a commit. */
export const eventId = (commit: Pick<Commit, 'contentId'>, index: number): string => `${commit.contentId}.${index}`

/** `key:value`, the convention of the DCB specification. */
export const toTag = (key: string, value: string | number): string => `${key}:${value}`

const isStoredEvent = (value: unknown): value is StoredEvent =>
  isRecord(value) &&
  isText(value.type, eventTypeMax) &&
  isText(value.stream, streamNameMax) &&
  'data' in value &&
  (value.tags === undefined || (isListOf(value.tags, isTag) && value.tags.length <= tagsPerEventMax)) &&
  (value.v === undefined || isCount(value.v, 1)) &&
  (value.isErased === undefined || (value.isErased === true && value.data === null))

const isStreamName = (value: unknown): value is string => isText(value, streamNameMax)

const isCondition = (value: unknown): value is CommitCondition =>
  isRecord(value) &&
  (value.streams === undefined || isListOf(value.streams, isStreamName)) &&
  (value.query === undefined || isListOf(value.query, isQueryItem))

const isMetadata = (value: unknown): value is Metadata =>
  isRecord(value) && Object.values(value).every((member) => typeof member === 'string')

/** Guards a commit that comes from outside: wire, import, disk. */
export const isCommit = (value: unknown): value is Commit =>
  isRecord(value) &&
  isId(value.id, commitIdMax) &&
  isId(value.contentId, commitIdMax) &&
  isText(value.time, 64) &&
  isListOf(value.events, isStoredEvent) &&
  value.events.length > 0 &&
  value.events.length <= commitEventsMax &&
  (value.condition === undefined || isCondition(value.condition)) &&
  (value.metadata === undefined || isMetadata(value.metadata))
