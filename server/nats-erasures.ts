import type { Ends } from './nats-append.ts'
import type { LogPlace } from './nats-client.ts'
import { type Messages, type PlacedRun, readEnd } from './nats-messages.ts'
import { runsAfter } from './nats-reader.ts'
import { type KeptRun, type KeptSegment, type LogRecord, readRecord } from './nats-record.ts'
import { type Run, runOf, writeRun } from './nats-run.ts'
import { discard, type Files, newName, putRecord, writeFile } from './nats-segments.ts'
import type { Erased, ErasureStore } from './store.ts'

export interface Erasing extends Files {
  readonly messagesOf: (log: string) => Promise<Messages>
  readonly ends: Ends
}

/**
 * Messages do not change. What is left of them is written beside the log, then the log's record names it, by which all of an
 * erasure is done at once, and then the old messages are overwritten and taken away.
 */
export function natsErasures(erasing: Erasing): ErasureStore {
  const { streams } = erasing
  return {
    async through(log) {
      return (await settled(erasing, await streams.placeOf(log))).through
    },
    async put(log, erased) {
      const messages = await erasing.messagesOf(log)
      for (;;) {
        const record = await settled(erasing, messages.place)
        const found = await findAll(messages, record, erased)
        if (found === undefined) return false
        if (await replace(erasing, messages, record, erased, found)) return true
      }
    },
  }
}

/** The record, when what it says is to be erased is gone: whoever began with it may have died. */
async function settled(erasing: Erasing, place: LogPlace): Promise<LogRecord> {
  for (;;) {
    const record = await readRecord(erasing.streams, place)
    if (record.erasing.length === 0) return record
    await finish(erasing, place, record)
  }
}

async function finish({ streams, lanes }: Erasing, place: LogPlace, record: LogRecord): Promise<void> {
  const waiting = [...record.erasing]
  const eraseNext = async (): Promise<void> => {
    for (let seq = waiting.pop(); seq !== undefined; seq = waiting.pop()) await streams.erase(place.stream, seq)
  }
  await Promise.all(Array.from({ length: 16 }, eraseNext))
  await putRecord({ streams, lanes }, place, { ...record, erasing: [] })
}

/** What an erasure concerns, as it is. */
interface Found {
  readonly runs: readonly { readonly was: PlacedRun; readonly run: Run }[]
  readonly segments: readonly KeptSegment[]
}

/** Commits that are so near are read on to; others are looked for. */
const nearMax = 2_000

/** Nothing where any of it is not what it was. */
async function findAll(messages: Messages, record: LogRecord, erased: Erased): Promise<Found | undefined> {
  if (erased.sealed !== undefined && erased.sealed !== (record.segments.at(-1)?.segment.last ?? 0)) return undefined
  const segments = erased.segments.flatMap(
    ({ was }) => record.segments.find(({ segment }) => segment.hash === was) ?? [],
  )
  if (segments.length < erased.segments.length) return undefined
  const runs = await findRuns(messages, erased.commits)
  return runs && { runs, segments }
}

async function findRuns(messages: Messages, asked: Erased['commits']): Promise<Found['runs'] | undefined> {
  const waiting = new Map(asked.map((commit) => [commit.last, commit]))
  const runs: { was: PlacedRun; run: Run }[] = []
  const end = await readEnd(messages)
  if (end === undefined) return waiting.size === 0 ? runs : undefined
  const firstOf = (): number => Math.min(...waiting.keys())
  for (let first = firstOf(); waiting.size > 0; first = firstOf()) {
    if (first > end.run.last) return undefined
    for await (const was of runsAfter(messages, first - 1, end)) {
      const commits = was.run.commits.map((commit) => {
        const one = waiting.get(commit.last)
        if (one === undefined || one.was !== commit.text) return commit
        waiting.delete(commit.last)
        return { ...commit, text: one.text }
      })
      if (commits.some((commit, at) => commit !== was.run.commits[at])) runs.push({ was, run: { ...was.run, commits } })
      const next = firstOf()
      // No commit ends there, or it has another text.
      if (next <= was.run.last) return undefined
      if (next > was.run.last + nearMax) break
    }
  }
  return runs
}

/** False, with nothing changed, where another one was first. */
async function replace(
  erasing: Erasing,
  messages: Messages,
  record: LogRecord,
  erased: Erased,
  { runs, segments }: Found,
): Promise<boolean> {
  const { streams, lanes } = erasing
  const { place } = messages
  if (!(await endsElsewhere(erasing, messages, runs))) return false
  const written: number[] = []
  const files = new Map<string, KeptSegment>()
  const kept: KeptRun[] = []
  for (const { was, segment, file } of erased.segments) {
    const inMessages = await writeFile(streams, place, file)
    written.push(...inMessages.parts)
    files.set(was, { segment, file: inMessages })
  }
  const bytesMax = await streams.bytesMax()
  for (const { was, run } of runs) {
    const name = newName()
    const seq = await streams.publish(place, `${place.kept}.${name}`, await writeRun(run, bytesMax))
    written.push(seq)
    kept.push({ first: run.first, last: run.last, behind: was.behind, name, seq })
  }
  const firsts = new Set(kept.map(({ first }) => first))
  const isPut = await putRecord({ streams, lanes }, place, {
    seq: record.seq,
    through: Math.max(record.through, erased.through),
    segments: record.segments.map((one) => files.get(one.segment.hash) ?? one),
    gone: [...new Set([...record.gone, ...files.keys()])],
    kept: [...record.kept.filter(({ first }) => !firsts.has(first)), ...kept].sort((a, b) => a.first - b.first),
    erasing: [...runs.map(({ was }) => was.seq), ...segments.flatMap(({ file }) => file.parts)],
  })
  if (!isPut) {
    await discard(streams, place, written)
    return false
  }
  const now = await settled(erasing, place)
  if (now.through > record.through) await sweep(erasing, place, now)
  return true
}

/**
 * Takes away what processes that died have left, as it may hold what was erased. Whoever wrote something before the record, and
 * has not named it yet, finds that there is another record.
 */
async function sweep({ streams }: Erasing, place: LogPlace, { seq, segments, kept }: LogRecord): Promise<void> {
  const names = new Set([...segments.map(({ file }) => file.name), ...kept.map(({ name }) => name)])
  for (const below of [place.files, place.kept])
    for (const subject of await streams.subjects(place.stream, below)) {
      const [name = ''] = subject.slice(below.length + 1).split('.')
      if (names.has(name)) continue
      const message = await streams.get(place.stream, { last_by_subj: subject })
      if (message !== undefined && message.seq < seq) await streams.erase(place.stream, message.seq)
    }
}

/** A log is known by its last message: before that is taken away, one without commits says the same. False where the log grew. */
async function endsElsewhere(
  { streams, lanes, ends }: Erasing,
  messages: Messages,
  runs: Found['runs'],
): Promise<boolean> {
  const end = await readEnd(messages)
  if (end === undefined || runs.every(({ was }) => was.seq !== end.seq)) return true
  const { place } = messages
  const data = await writeRun(runOf([], end.run), await streams.bytesMax())
  const seq = await lanes.put(place, place.runs, end.seq, data)
  if (seq !== undefined) ends.set(place.runs, { seq, last: end.run.last })
  return seq !== undefined
}
