import { createBreather } from '../core/breather.ts'
import { erasedType, erasing, erasureOf } from '../core/lifecycle.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { rowFormat, type SegmentPlace } from '../protocol/rows.ts'
import { allParts } from '../segments/directory.ts'
import { erasePart } from '../segments/erase-part.ts'
import { gzip } from '../segments/gzip.ts'
import { termOf } from '../segments/terms.ts'
import type { Request } from '../store/store.ts'
import type { Engine } from './engine.ts'
import type { OwnErasure } from './erase-letters.ts'
import { type Traces, tracesOf } from './erase-traces.ts'
import { packMsMax, type SealOptions, seal } from './seal.ts'
import type { SealedLog } from './sealed-log.ts'
import { partKey, SegmentGone } from './shelf.ts'

/** Bytes of parts that one write puts back. */
const writeBytesMax = 4_000_000

/** Whether the log holds erasures that are not carried out here. */
export const mustErase = (engine: Engine): Promise<boolean> =>
  engine.steadily(async () => (await dueOf(engine)).length > 0)

/**
 * Carries out the erasures of the log: removes the data of the events that they name, and with it whatever was made from the log
 * and may hold it. False when it has to wait for something pending.
 */
export async function erase(engine: Engine, options: SealOptions): Promise<boolean> {
  const { view } = engine
  const due = await engine.steadily(() => dueOf(engine))
  const last = due.at(-1)?.position ?? 0
  if (last === 0) return true
  // What is sealed has one place and one form.
  while (view.sealed.head.position < last) if (!(await seal(engine, { ...options, from: 1 }))) return false
  const erasures = due.flatMap((event) => {
    const erasure = erasureOf(event, event.position)
    return erasure === undefined ? [] : { ...erasure, revision: event.revision }
  })
  for (;;) {
    const isDone = await rewrite(engine, erasures, last).catch((error: unknown) => {
      if (error instanceof SegmentGone) return false
      throw error
    })
    if (isDone) return true
    // Another worker packed anew what was looked at.
    await engine.catchUp()
  }
}

type Due = PlacedEvent & { readonly position: number; readonly revision: number }

/** Erasures behind those that are carried out, in log order. */
async function dueOf({ view, content }: Engine): Promise<readonly Due[]> {
  const window = { after: view.erased.through, through: view.confirmed.head.position }
  const selectors = [{ types: [erasedType] }]
  const positions = [...view.confirmed.matching(selectors, window)]
  const due: Due[] = []
  const revisions = positions.map((position) => view.confirmed.revisionAt(position))
  for await (const events of view.sealed.matching(selectors, window))
    due.push(...events.map(({ placed, commit: { revision } }) => ({ ...placed, revision })))
  for (const [at, event] of (await content.eventsAt(positions)).entries())
    due.push({ ...event, position: event.position ?? 0, revision: revisions[at] ?? 0 })
  return due
}

/** Writes segments without what is erased, bit by bit; with the last bit goes what was made from it. */
async function rewrite(engine: Engine, erasures: readonly OwnErasure[], through: number): Promise<boolean> {
  const { view, clock } = engine
  const { sealed } = view
  const from: From = { segments: sealed.segments, revision: view.erased.revision }
  const traces: Traces = { erasures, isErased: erasing(erasures), eventIds: new Set() }
  const pause = createBreather(clock, packMsMax)
  let rows: Request[] = []
  let size = 0
  for (const place of sealed.segments)
    for (const { number, text } of await erasedParts(sealed, place, erasures, traces)) {
      const part = await gzip(text)
      await pause()
      if (size > writeBytesMax) {
        if (!(await write(engine, from, rows))) return false
        rows = []
        size = 0
      }
      size += part.length
      rows.push({ op: 'put', store: 'log', row: { last: partKey(place, number), format: rowFormat, part } })
    }
  return write(engine, from, rows, { traces, through })
}

/** The parts of a segment that lose something. */
async function erasedParts(
  sealed: SealedLog,
  place: SegmentPlace,
  erasures: readonly OwnErasure[],
  { isErased, eventIds }: Traces,
): Promise<readonly { readonly number: number; readonly text: string }[]> {
  const concerned = erasures.filter(({ through }) => through >= place.first)
  if (concerned.length === 0) return []
  const streams = concerned.flatMap(({ stream }) => (stream === undefined ? [] : termOf.stream(stream)))
  const numbers = streams.length < concerned.length ? allParts(place.parts) : await sealed.partsWith(place, streams)
  const texts = await sealed.textsOf(place, numbers)
  const commitIds = new Set<string>()
  for (const text of texts) {
    const erased = erasePart(text, isErased)
    for (const id of erased.commitIds) commitIds.add(id)
    for (const id of erased.eventIds) eventIds.add(id)
  }
  // Metadata stands wherever a commit has events.
  const beside = await sealed.partsWith(place, [...commitIds].map(termOf.commit))
  const others = beside.filter((number) => !numbers.includes(number))
  const all = [...texts, ...(await sealed.textsOf(place, others))]
  return [...numbers, ...others].flatMap((number, at) => {
    const before = all[at] ?? ''
    const { text } = erasePart(before, isErased, commitIds)
    return text === before ? [] : { number, text }
  })
}

interface Last {
  readonly traces: Traces
  readonly through: number
}

/** What the parts were read of. */
interface From {
  readonly segments: SealedLog['segments']
  /** Of the last write that removed anything. */
  revision: number
}

/** Puts parts back; false when what is sealed is another one now, or somebody else removed more of it. */
async function write(engine: Engine, from: From, rows: readonly Request[], last?: Last): Promise<boolean> {
  let letters: readonly string[] = []
  const revision = await engine.write(async (view) => {
    const { sealed, erased } = view
    if (sealed.segments !== from.segments || erased.revision !== from.revision) return undefined
    const through = last?.through ?? erased.through
    const traces = last && (await tracesOf(engine, last.traces))
    letters = traces?.letters ?? []
    return {
      row: { kind: 'erase', through },
      beside: [...rows, ...(traces?.requests ?? [])],
      result: view.revision + 1,
    }
  })
  if (revision === undefined) return false
  from.revision = revision
  for (const id of letters) engine.view.dead.delete(id)
  return true
}
