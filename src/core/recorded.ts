import type { Metadata } from './commit.ts'
import type { DataOf, EventMap } from './event.ts'

/** An event as the log gives it: the fact and its place. Deeply frozen. */
export type Recorded<M extends EventMap, K extends keyof M = keyof M> = K extends keyof M & string
  ? {
      readonly type: K
      readonly data: DataOf<M, K>
      readonly id: string
      readonly commitId: string
      readonly stream: string
      /** Place in the stream, from 1; provisional while pending. */
      readonly version: number
      /** ISO 8601, by the clock of the device that appended it. */
      readonly time: string
      readonly metadata: Metadata
      readonly tags: readonly string[]
      /** Place in the log, from 1; `undefined` while pending. */
      readonly position: number | undefined
      /** Which one it is, from 0, of the events that one stored event has become: they share all but type and data. */
      readonly part?: number
    }
  : never

/** Names an event among all others: several that one stored event has become share its id. */
export const nameOf = ({ id, part }: { readonly id: string; readonly part?: number | undefined }): string =>
  part === undefined ? id : `${id}#${part}`

/**
 * An event that this build can't give as its model has it: of a type that it does not know, erased, or one that its upcasters
 * fail on. `type` is one literal, so that it does not spoil narrowing.
 */
export interface UnknownEvent {
  readonly type: '$unknown'
  readonly originalType: string
  /** Its data and metadata were removed; all else stayed. */
  readonly isErased?: true | undefined
  /** Why an upcaster, or the schema of what it made, failed: then `data` is as it is stored. */
  readonly problem?: string | undefined
  readonly data: unknown
  readonly id: string
  readonly commitId: string
  readonly stream: string
  readonly version: number
  readonly time: string
  readonly metadata: Metadata
  readonly tags: readonly string[]
  readonly position: number | undefined
  readonly part?: undefined
}

/** An event on its way from the worker to a reader: stored content and place, not yet decoded by the model. */
export interface PlacedEvent {
  readonly type: string
  readonly stream: string
  readonly data: unknown
  readonly tags?: readonly string[] | undefined
  readonly v?: number | undefined
  readonly isErased?: true | undefined
  readonly id: string
  readonly commitId: string
  readonly version: number
  readonly time: string
  readonly metadata?: Metadata | undefined
  readonly position?: number | undefined
}
