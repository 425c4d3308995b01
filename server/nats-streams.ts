import { isCount, isRecord } from '../src/core/guard.ts'
import { type LogPlace, placeOf, streamName, streamSubjects } from './nats-client.ts'
import type { Connection, Link } from './nats-connection.ts'
import { apiCodeOf, apiCodes, NatsStoreError, toStoreError } from './nats-error.ts'
import { payloadBytesMin } from './nats-run.ts'

/** Number of the layout of streams, subjects and messages. A higher one is refused: an old server must not write what it does not know. */
export const natsFormat = 1

/** A message as it is stored. */
export interface Stored {
  readonly seq: number
  readonly data: Uint8Array
}
export type Query =
  | { readonly seq: number; readonly next_by_subj?: string }
  | { readonly last_by_subj: string; readonly seq?: undefined }

/** The streams of one prefix. All reads are answered by the leader: another replica may be behind. */
export interface Streams {
  readonly placeOf: (log: string) => Promise<LogPlace>
  readonly get: (stream: string, query: Query) => Promise<Stored | undefined>
  /** The sequence of a stream's last message, also when that was deleted. */
  readonly lastSequence: (stream: string) => Promise<number>
  /** Adds a message when the stream, and the subject in it, still end where they are expected to, where that is given. */
  readonly publish: (place: LogPlace, subject: string, data: Uint8Array, expected?: Expected) => Promise<number>
  /** Overwrites a message and takes it away, if it is there. */
  readonly erase: (stream: string, seq: number) => Promise<void>
  /** Subjects that have messages, below one. */
  readonly subjects: (stream: string, below: string) => Promise<readonly string[]>
  readonly bytesMax: () => Promise<number>
  readonly connection: Connection
}
/** Sequences of the last messages, 0 for none. */
export interface Expected {
  readonly stream: number
  readonly subject: number
}
export interface StreamsOptions {
  readonly connection: Connection
  readonly prefix: string
  readonly streams: number
  readonly replicas: number
}

export function openStreams({ connection, prefix, streams, replicas }: StreamsOptions): Streams {
  const { ask, say } = connection
  let preparing: Promise<number> | undefined
  const prepared = (): Promise<number> => {
    preparing ??= prepare(connection, { prefix, streams, replicas }).catch((error: unknown) => {
      preparing = undefined
      throw error
    })
    return preparing
  }
  /** Streams were there once; one that is not any more is nothing that a new, empty one could mend. */
  const missing = (error: unknown): never => {
    if (apiCodeOf(error) !== apiCodes.streamMissing) throw error
    throw new NatsStoreError('nats/refused', `a stream of ${prefix} is not there any more`, { cause: error })
  }
  return {
    connection,
    placeOf: async (log) => placeOf(prefix, await prepared(), log),
    async get(stream, query) {
      const message = await ask(({ manager }) => manager.streams.getMessage(stream, query).catch(missing))
      return message === null ? undefined : { seq: message.seq, data: message.data }
    },
    lastSequence: (stream) =>
      ask(async ({ manager }) => (await manager.streams.info(stream).catch(missing)).state.last_seq),
    publish: (place, subject, data, expected) =>
      say(async ({ client }) => {
        const ends = expected && { lastSequence: expected.stream, lastSubjectSequence: expected.subject }
        const expect = { streamName: place.stream, ...ends }
        return (await client.publish(subject, data, { expect })).seq
      }),
    erase: (stream, seq) =>
      ask(async ({ manager }) => {
        try {
          await manager.streams.deleteMessage(stream, seq)
        } catch (error) {
          if ((await manager.streams.getMessage(stream, { seq })) !== null) throw error
        }
      }),
    subjects: (stream, below) =>
      ask(async ({ manager }) => {
        const { state } = await manager.streams.info(stream, { subjects_filter: `${below}.>` })
        return Object.keys(state.subjects ?? {})
      }),
    bytesMax: async () => payloadOf(await connection.open()),
  }
}

const payloadOf = ({ connection }: Link): number => connection.info?.max_payload ?? payloadBytesMin

interface Made {
  readonly prefix: string
  readonly streams: number
  readonly replicas: number
}

/** Makes the streams where there are none, and says how many there are. */
async function prepare(connection: Connection, made: Made): Promise<number> {
  const bytesMax = payloadOf(await connection.open())
  if (bytesMax < payloadBytesMin)
    throw new NatsStoreError(
      'nats/refused',
      `max_payload is ${bytesMax}, and ${payloadBytesMin} is needed for a commit`,
    )
  const known = await readMade(connection, made.prefix)
  if (known !== undefined) return known
  const { prefix, streams, replicas } = made
  const names = Array.from({ length: streams }, (_, nth) => [streamName(prefix, nth), streamSubjects(prefix, nth)])
  // The record in the last one comes after all: where it is, the streams are. Of several that start at once the first one to write it counts.
  await Promise.all(
    [...names, [metaName(prefix), metaSubject(prefix)]].map(([name = '', subjects = '']) =>
      addStream(connection, { name, subjects: [subjects], num_replicas: replicas }),
    ),
  )
  const record = new TextEncoder().encode(JSON.stringify({ format: natsFormat, streams }))
  try {
    await connection.say(({ client }) =>
      client.publish(metaSubject(prefix), record, { expect: { streamName: metaName(prefix), lastSequence: 0 } }),
    )
  } catch (error) {
    const stands = await readMade(connection, prefix)
    if (stands === undefined) throw toStoreError(error)
    return stands
  }
  return streams
}

const metaName = (prefix: string): string => `${prefix}-meta`
const metaSubject = (prefix: string): string => `${prefix}.meta`

async function readMade(connection: Connection, prefix: string): Promise<number | undefined> {
  const message = await connection.ask(({ manager }) =>
    manager.streams.getMessage(metaName(prefix), { last_by_subj: metaSubject(prefix) }).catch((error: unknown) => {
      if (apiCodeOf(error) === apiCodes.streamMissing) return null
      throw error
    }),
  )
  if (message === null) return undefined
  const record: unknown = JSON.parse(new TextDecoder().decode(message.data))
  const { format, streams } = isRecord(record) ? record : {}
  if (isCount(format) && format > natsFormat)
    throw new NatsStoreError(
      'nats/format',
      `the streams of ${prefix} have format ${format}, this version of tidelog knows ${natsFormat}: a newer one made them`,
    )
  if (format !== natsFormat || !isCount(streams) || streams < 1)
    throw new NatsStoreError('nats/refused', `the record in the stream ${metaName(prefix)} can't be read`)
  return streams
}

interface NewStream {
  readonly name: string
  readonly subjects: string[]
  readonly num_replicas: number
}

/** Makes a stream, if it is not there. Several who make one at the same time may be told that there is none. */
async function addStream(connection: Connection, stream: NewStream, triesLeft = 5): Promise<void> {
  const isMade = await connection.ask(({ manager }) =>
    manager.streams
      .add({
        ...stream,
        storage: 'file',
        retention: 'limits',
        // When it is full, nothing more comes in. The default would take the oldest commits away.
        discard: 'new',
        max_age: 0,
        allow_direct: false,
        // Nothing here is recognized by Nats-Msg-Id: the least that is allowed.
        duplicate_window: 100_000_000,
      })
      .then(
        () => true,
        (error: unknown) => {
          const code = apiCodeOf(error)
          if (code === apiCodes.streamKnown) return true
          if (code === apiCodes.streamMissing && triesLeft > 1) return false
          throw error
        },
      ),
  )
  if (!isMade) await addStream(connection, stream, triesLeft - 1)
}
