import type { Lanes } from './nats-lane.ts'
import { type Messages, readEnd } from './nats-messages.ts'
import { nextRun, runOf, writeRun } from './nats-run.ts'
import { nothing } from './sequence.ts'
import type { SequencedCommit } from './store.ts'

/** The message that a log ends with. */
export interface End {
  readonly seq: number
  readonly last: number
}
export interface Appended {
  readonly taken: number
  readonly head: number
}

/** Logs of which it is remembered how they ended. */
const endsMax = 10_000

/** How logs ended when they were read or written last: a hint that saves a question, and is checked by the lane. */
export interface Ends {
  readonly get: (log: string) => End | undefined
  readonly set: (log: string, end: End) => void
}
export function createEnds(): Ends {
  const ends = new Map<string, End>()
  return {
    get: (log) => ends.get(log),
    set(log, end) {
      if (ends.size >= endsMax) ends.clear()
      ends.set(log, end)
    },
  }
}

export async function append(
  { messages, lanes, ends }: { readonly messages: Messages; readonly lanes: Lanes; readonly ends: Ends },
  expectedHead: number,
  commits: readonly SequencedCommit[],
  onError: (error: unknown) => void,
): Promise<Appended> {
  const { streams, place } = messages
  const read = async (): Promise<End> => {
    const end = await readEnd(messages)
    const known = { seq: end?.seq ?? 0, last: end?.run.last ?? nothing.position }
    ends.set(place.runs, known)
    return known
  }
  const bytesMax = await streams.bytesMax()
  let taken = 0
  let end = ends.get(place.runs) ?? (await read())
  if (end.last !== expectedHead || commits.length === 0) end = await read()
  const headAfter = (): number => commits[taken - 1]?.last ?? expectedHead
  while (taken < commits.length && end.last === headAfter()) {
    const run = nextRun(commits.slice(taken))
    const last = run.at(-1) ?? end
    try {
      const data = await writeRun(runOf(run, { last: last.last, digest: run.at(-1)?.digest ?? '' }), bytesMax)
      const seq = await lanes.put(place, place.runs, end.seq, data)
      if (seq === undefined) {
        // Another one wrote; or the log ends with another message, and at the same position.
        end = await read()
        continue
      }
      taken += run.length
      end = { seq, last: last.last }
      ends.set(place.runs, end)
    } catch (error) {
      if (taken === 0) throw error
      // What was taken is there. The caller goes on behind it, and hears of the error then.
      onError(error)
      return { taken, head: headAfter() }
    }
  }
  return { taken, head: end.last }
}
