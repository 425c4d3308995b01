import { DeliverPolicy } from '@nats-io/jetstream'
import type { LogPlace } from './nats-client.ts'
import type { Mark, Marks } from './nats-marks.ts'
import { type Run, readRun } from './nats-run.ts'
import type { Streams } from './nats-streams.ts'

/** A run, and where it is. */
export interface PlacedRun {
  readonly seq: number
  readonly run: Run
  /** Behind which message of the log those that follow are; its own sequence, unless it is kept in the place of another. */
  readonly behind: number
  readonly isKept: boolean
}

/** The messages of one log. */
export interface Messages {
  readonly streams: Streams
  readonly place: LogPlace
  readonly marks: Marks
}

/** The last message of a log. It is there as long as the log is not empty. */
export const readEnd = ({ streams, place }: Messages): Promise<PlacedRun | undefined> =>
  read(streams, place, { last_by_subj: place.runs })

/** The first message at a sequence or behind it. */
export const readFrom = ({ streams, place }: Messages, seq: number): Promise<PlacedRun | undefined> =>
  read(streams, place, { seq, next_by_subj: place.runs })

const read = async (
  streams: Streams,
  place: LogPlace,
  query: Parameters<Streams['get']>[1],
): Promise<PlacedRun | undefined> => {
  const message = await streams.get(place.stream, query)
  return message && placed(message.seq, await readRun(message.data))
}

const placed = (seq: number, run: Run): PlacedRun => ({ seq, run, behind: seq, isKept: false })

/** The first message that ends behind a position; the one at `end` does. The mark is only believed where the message says the same. */
export async function seek(
  messages: Messages,
  mark: Mark | undefined,
  position: number,
  end: PlacedRun,
): Promise<PlacedRun | undefined> {
  if (mark !== undefined) {
    const next = await readFrom(messages, mark.seq + 1)
    if (next !== undefined && next.run.first <= position + 1 && next.run.last > position) return next
  }
  let low = 0
  let high = end.seq - 1
  let found: PlacedRun = end
  while (low < high) {
    const middle = Math.floor((low + high) / 2) + 1
    const next = await readFrom(messages, middle)
    if (next === undefined) return undefined
    if (next.run.last <= position) low = next.seq
    else {
      if (next.seq < found.seq) found = next
      high = middle - 1
    }
  }
  return found
}

/** Messages that are asked for at once. */
const fetchMax = 50
const fetchMsMax = 1_000
/** One that nobody reads is taken away by the server. */
const idleNs = 10_000_000_000

/**
 * The messages from a sequence on, many at once, until it has no more, or breaks. They may come from a replica that is behind: what
 * is missing, or was erased meanwhile, is for the reader to find.
 */
export async function* readMany({ streams, place }: Messages, seq: number): AsyncGenerator<PlacedRun> {
  const consumer = await streams.connection.ask(({ client }) =>
    client.consumers.get(place.stream, {
      filter_subjects: place.runs,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: seq,
      inactive_threshold: idleNs,
    }),
  )
  try {
    for (;;) {
      let isEnd = true
      for await (const message of await consumer.fetch({ max_messages: fetchMax, expires: fetchMsMax })) {
        isEnd = message.info.pending === 0
        yield placed(message.seq, await readRun(message.data))
        if (isEnd) return
      }
      if (isEnd) return
    }
  } finally {
    void consumer.delete().catch(() => {})
  }
}
