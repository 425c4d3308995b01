import type { Metadata } from '../core/commit.ts'
import type { TidelogErrorCode } from '../core/errors.ts'
import type { EventMap, Fact } from '../core/event.ts'
import type { Observable } from '../core/observable.ts'
import type { AppendRefused } from '../core/outcome.ts'

export interface RecorderOptions {
  /** Events that wait for storage at most; 2,048 by default. */
  readonly bufferMax?: number
  /** What a full buffer does with one event more: refuse it (the default), or drop the oldest one. */
  readonly overflow?: 'reject' | 'drop-oldest'
  /** Where the events go; by default each goes to the stream of its definition. */
  readonly stream?: string
  /** Kept with every commit. */
  readonly metadata?: Metadata
}

/** An object that says itself how it becomes an event. */
export interface Recordable<M extends EventMap> {
  /** The event; `undefined` when there is nothing to record. */
  toEvent(): Fact<M> | undefined
}

/** What JSON text tells of a value. */
export type JsonKind = 'string' | 'number' | 'boolean' | 'array' | 'object'
/** The kinds of the fields of an event's data. Fields that are null or absent have none. */
export type FieldKinds = Readonly<Record<string, JsonKind>>
/** A field of the event is of another kind than it was in the events of its type before. */
export interface SchemaMismatch {
  readonly type: 'SchemaMismatch'
  readonly eventType: string
  /** All fields that this type was seen with. */
  readonly expected: FieldKinds
  readonly actual: FieldKinds
  readonly message: string
}
/** Why an event can't be recorded, ever: what the log says of it, or the error that it ends in. */
export type RejectReason =
  | AppendRefused
  | SchemaMismatch
  | { readonly type: TidelogErrorCode | 'Error'; readonly message: string }
export interface RejectedEvent {
  /** The event as it was captured, or what was given when it could not be. */
  readonly event: unknown
  readonly reason: RejectReason
}

/** What became of what was recorded. */
export interface RecorderStatus {
  /** `retrying` while storage refuses, `full` while the buffer holds no more, `lost` when the log was closed too early. */
  readonly state: 'ok' | 'retrying' | 'full' | 'lost' | 'closed'
  /** Events that are not durable yet. */
  readonly buffered: number
  /** Events that are durable. */
  readonly recorded: number
  /** Events that were accepted and then gave way to newer ones (`drop-oldest`). */
  readonly dropped: number
  /** Events that were not accepted: by a full buffer, after `close`, or because the log is closed. */
  readonly refused: number
  readonly rejectedCount: number
  /** The last 100 events that no storage will ever take. */
  readonly rejected: readonly RejectedEvent[]
  /** Tries in a row that storage refused. */
  readonly failures: number
  readonly lastError?: { readonly type: string; readonly message: string } | undefined
  /** When storage is tried again, by the clock; something else may cause a try before. */
  readonly retryAt?: number | undefined
}

/** Takes events without a wait and brings them into the log in order. */
export interface Recorder<M extends EventMap> {
  /** Answers whether it was accepted, also when there is nothing to record. Never throws. */
  readonly record: (event: Fact<M> | Recordable<M>) => boolean
  /** Resolves when all that was accepted before is durable; rejects with a `TidelogError` when storage refuses it. */
  readonly flush: () => Promise<void>
  /** Takes no more, and resolves when all is durable, however long storage refuses. Rejects when the log is closed. */
  readonly close: () => Promise<void>
  readonly status: Observable<RecorderStatus>
}
