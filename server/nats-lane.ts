import type { LogPlace } from './nats-client.ts'
import { callMsMax } from './nats-connection.ts'
import type { Courtesy } from './nats-courtesy.ts'
import { apiCodeOf, apiCodes, isPassing, NatsStoreError } from './nats-error.ts'
import type { Streams } from './nats-streams.ts'

/** Compare-and-append for subjects, each of which shares its stream with many others. */
export interface Lanes {
  /**
   * Adds a message when the last one of the subject has the sequence `expected`, 0 for none, and gives its sequence; nothing when
   * the subject ends with another one. Rejects when that can't be told: then it may have been added.
   */
  readonly put: (place: LogPlace, subject: string, expected: number, data: Uint8Array) => Promise<number | undefined>
}

interface Lane {
  /** Where the stream ends, as far as is known: only a hint, which JetStream checks. */
  tail: number | undefined
  /** Sequences of the last messages of subjects when the stream ended at `tail`. */
  readonly ends: Map<string, number>
  /** Settles when nothing is under way, and does not reject. */
  idle: Promise<unknown>
}

/** Subjects of which it is remembered where they end. */
const endsMax = 10_000

/**
 * JetStream compares with the last sequence of the whole stream. What was read of the subject stays true while the stream ends
 * where it ended then, or grows only by this process, which therefore writes one message of a stream at a time: of two under way,
 * the second could be taken where the first was not, since another writer's message makes up the number.
 */
export function createLanes(streams: Streams, courtesy: Courtesy, now: () => number): Lanes {
  const lanes = new Map<string, Lane>()
  const laneOf = (stream: string): Lane => {
    const lane = lanes.get(stream) ?? { tail: undefined, ends: new Map(), idle: Promise.resolve() }
    lanes.set(stream, lane)
    return lane
  }
  return {
    put(place, subject, expected, data) {
      const end = now() + callMsMax
      const isLate = (): boolean => now() > end
      const lane = laneOf(place.stream)
      const putting = lane.idle.then(() =>
        putInTurn({ streams, courtesy, lane, place, subject, now, isLate }, expected, data),
      )
      lane.idle = putting.catch(() => {})
      return putting
    },
  }
}

interface Turn {
  readonly streams: Streams
  readonly courtesy: Courtesy
  readonly lane: Lane
  readonly place: LogPlace
  readonly subject: string
  readonly now: () => number
  readonly isLate: () => boolean
}

async function putInTurn(turn: Turn, expected: number, data: Uint8Array): Promise<number | undefined> {
  const { streams, courtesy, lane, place, subject, now, isLate } = turn
  let lost: unknown
  await courtesy.wait(place)
  for (;;) {
    if (isLate()) throw lost ?? busy(place)
    const tail = await tailFor(turn, expected)
    if (tail === undefined) return lost === undefined ? undefined : find(turn, expected, data)
    const start = now()
    try {
      // The end of the stream is what decides. That of the subject refuses what was read from a leader that stood still.
      const seq = await streams.publish(place, subject, data, { stream: tail, subject: expected })
      lane.tail = seq
      lane.ends.set(subject, seq)
      return seq
    } catch (error) {
      lane.ends.clear()
      lane.tail = undefined
      if (apiCodeOf(error) === apiCodes.wrongSequence) {
        lane.tail = saidSequence(error)
        // A look and a try take two answers.
        courtesy.ask(place, 3 * (now() - start) + 2)
      }
      // It may have been stored, or still be on its way. It can't come in behind what is published next.
      else if (isPassing(error)) lost = error
      else throw error
    }
  }
}

/**
 * Where the stream ended when the subject ended as expected; nothing when that ends with another message. It is asked of the stream
 * first: what is written between the two questions makes the number too low, and the message refused.
 */
async function tailFor({ streams, lane, place, subject }: Turn, expected: number): Promise<number | undefined> {
  lane.tail ??= await streams.lastSequence(place.stream)
  const known = lane.ends.get(subject)
  if (known !== undefined && known !== expected) {
    // Most likely by this process. Whoever asks reads how the subject ends, and may ask again.
    lane.ends.delete(subject)
    return undefined
  }
  if (known === undefined) {
    const last = await streams.get(place.stream, { last_by_subj: subject })
    if ((last?.seq ?? 0) !== expected) return undefined
    if (lane.ends.size >= endsMax) lane.ends.clear()
    lane.ends.set(subject, expected)
  }
  return lane.tail
}

/** Whether the message behind the expected one is the one that nobody knew of whether it was stored. */
async function find(
  { streams, place, subject }: Turn,
  expected: number,
  data: Uint8Array,
): Promise<number | undefined> {
  const next = await streams.get(place.stream, { seq: expected + 1, next_by_subj: subject })
  return next !== undefined && Buffer.compare(next.data, data) === 0 ? next.seq : undefined
}

const busy = ({ stream }: LogPlace): NatsStoreError =>
  new NatsStoreError('nats/busy', `the stream ${stream} can't be written to in time: too many others do, or it is slow`)

const saidSequence = (error: unknown): number | undefined => {
  const [, said] = /: (\d+)$/.exec(error instanceof Error ? error.message : '') ?? []
  return said === undefined ? undefined : Number(said)
}
