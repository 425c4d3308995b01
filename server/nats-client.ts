import { createHash } from 'node:crypto'

/** What is used of a connection of the package `@nats-io/transport-node`. */
export interface NatsClient {
  request(subject: string, payload?: Uint8Array | string, options?: NatsRequestOptions): Promise<unknown>
  publish(subject: string, payload?: Uint8Array | string): void
  isClosed(): boolean
  close(): Promise<void>
}
export interface NatsRequestOptions {
  timeout: number
}

/** Where the messages of one log are. */
export interface LogPlace {
  readonly stream: string
  /** Runs of commits, in log order. */
  readonly runs: string
  /** The log's record, see {@link LogRecord}. */
  readonly record: string
  /** What a record names: each file and each run that is kept in the place of another has a name of its own behind this. */
  readonly files: string
  readonly kept: string
  /** Where it is told that the log has grown. */
  readonly notices: string
  /** Messages that say nothing: that they are stored shows who leads the stream. */
  readonly probes: string
  /** Where those who write to the stream ask one another for a turn. */
  readonly turns: string
}

/** A log's name may be anything, a subject's not; and whoever may look at JetStream would read it. */
const keyOf = (log: string): Buffer => createHash('sha256').update(log).digest()

export const streamName = (prefix: string, nth: number): string => `${prefix}-${nth}`
export const streamSubjects = (prefix: string, nth: number): string => `${prefix}.${nth}.>`

export function placeOf(prefix: string, streams: number, log: string): LogPlace {
  const key = keyOf(log)
  const nth = key.readUInt32BE(0) % streams
  const name = key.toString('base64url')
  const subject = (what: string): string => `${prefix}.${nth}.${what}.${name}`
  return {
    stream: streamName(prefix, nth),
    runs: subject('log'),
    record: subject('record'),
    files: subject('file'),
    kept: subject('kept'),
    notices: `${prefix}.head.${name}`,
    probes: `${prefix}.${nth}.probe`,
    turns: `${prefix}.turn.${nth}`,
  }
}
