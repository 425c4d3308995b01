import { bug } from '../src/core/errors.ts'
import type { Mark } from './nats-marks.ts'
import { type Messages, type PlacedRun, readFrom, readMany, seek } from './nats-messages.ts'
import { keptAt, type LogRecord, readRecord } from './nats-record.ts'
import { readRun } from './nats-run.ts'

/** How often what was read is looked up once more, since somebody erased it meanwhile. */
const looksMax = 20

/**
 * The runs that hold what follows the position `after`, up to the message `end`, as they are after the erasures that were
 * carried out before. That none is missing is told by their positions.
 */
export async function* runsAfter(messages: Messages, after: number, end: PlacedRun): AsyncGenerator<PlacedRun> {
  const { streams, place } = messages
  let record = await readRecord(streams, place)
  let position = after
  let looks = 0
  const cursor = createCursor(messages, end)
  try {
    while (position < end.run.last) {
      const next = (await readKept(messages, record, position + 1)) ?? (await cursor.next(position))
      if (next === undefined || next.run.first > position + 1) {
        if (looks++ === looksMax) bug(`a log has nothing at position ${position + 1}`)
        record = await readRecord(streams, place)
        cursor.moveBehind(undefined)
        continue
      }
      if (next.isKept) cursor.moveBehind({ last: next.run.last, seq: next.behind })
      position = next.run.last
      yield next
    }
  } finally {
    cursor.moveBehind(undefined)
  }
}

async function readKept(
  { streams, place }: Messages,
  record: LogRecord,
  position: number,
): Promise<PlacedRun | undefined> {
  const kept = keptAt(record.kept, position)
  const message = kept && (await streams.get(place.stream, { seq: kept.seq }))
  return message && { seq: kept.seq, run: await readRun(message.data), behind: kept.behind, isKept: true }
}

interface Cursor {
  /** The first message that ends behind a position, which never becomes less. */
  readonly next: (position: number) => Promise<PlacedRun | undefined>
  /** Goes on behind a message; looks for the place anew where none is named. */
  readonly moveBehind: (mark: Mark | undefined) => void
}

/** Messages that are asked for each by its place, before a consumer is made for the rest; and so many of them at once. */
const singlesMax = 48
const widthMax = 16

function createCursor(messages: Messages, end: PlacedRun): Cursor {
  const { place, marks } = messages
  let at: Mark | undefined
  let singles = 0
  let width = 1
  let ready: PlacedRun[] = []
  let many: AsyncGenerator<PlacedRun> | undefined
  const stop = (): void => {
    void many?.return(undefined)
    many = undefined
    ready = []
  }
  const readSingles = async (seq: number): Promise<PlacedRun | undefined> => {
    const found = await Promise.all(Array.from({ length: width }, (_, i) => readFrom(messages, seq + i)))
    // Each is the first one at its place or behind: none is left out, but where others write to the stream some come twice.
    ready = found.filter((one, i) => one !== undefined && one.seq !== found[i - 1]?.seq) as PlacedRun[]
    singles += ready.length
    width = ready.length === width ? Math.min(width * 2, widthMax) : 1
    return ready.shift()
  }
  const nextBehind = async (mark: Mark): Promise<PlacedRun | undefined> => {
    if (mark.seq >= end.seq) return undefined
    if (ready.length > 0) return ready.shift()
    if (many === undefined && singles < singlesMax) return readSingles(mark.seq + 1)
    many ??= readMany(messages, mark.seq + 1)
    const next = await many.next().catch(() => undefined)
    if (next?.value !== undefined) return next.value
    // It has no more, but there is more: the leader is asked.
    stop()
    singles = 0
    return readSingles(mark.seq + 1)
  }
  return {
    moveBehind(mark) {
      at = mark
      stop()
    },
    async next(position) {
      for (;;) {
        const found: PlacedRun | undefined =
          at === undefined
            ? await seek(messages, marks.before(place.runs, position), position, end)
            : await nextBehind(at)
        if (found === undefined) return undefined
        at = { last: found.run.last, seq: found.seq }
        marks.add(place.runs, at)
        if (found.run.last > position) return found
      }
    },
  }
}
