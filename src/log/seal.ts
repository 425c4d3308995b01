import { createBreather } from '../core/breather.ts'
import { nextDigest } from '../core/digest.ts'
import { TidelogError } from '../core/errors.ts'
import { type LogRow, rowFormat, type SegmentPlace } from '../protocol/rows.ts'
import { type PackedSegment, type PlacedCommit, packSegment, type VersionBefore } from '../segments/pack.ts'
import type { Request, Store } from '../store/store.ts'
import { keepCheckpoint } from './checkpoint.ts'
import type { Engine, Plan } from './engine.ts'
import type { SealedLog } from './sealed-log.ts'
import { segmentRows } from './segment-rows.ts'
import { SegmentGone } from './shelf.ts'
import { parseCommits, type View } from './view.ts'

/** How a log is kept small. */
export interface SealOptions {
  /** Confirmed events that are worth a segment. */
  readonly from: number
  /** Events that one segment has at most, but for its last record. */
  readonly max: number
  /** So many small segments become one with what is sealed next. */
  readonly smallMax: number
  /** Rows of `writes` before a checkpoint that are never pruned. */
  readonly keptRows: number
  /** Of so many workers that open the log alone, one prunes, by chance: the others need not wait for it. */
  readonly pruneEvery?: number
  /** The log has to be quiet for so long first: packing costs as much as what it would compete with. */
  readonly quietMs?: number
  /** Characters of a row of `writes` that are worth another write to be rid of, once they are in a segment; 4,000 by default. */
  readonly heldTextMin?: number
  /** With so many events that are not sealed nobody waits for quiet, for whole segments: they are in memory, and read at every open. */
  readonly unsealedMax?: number
}
export const sealOptions: SealOptions = {
  from: 2_000,
  max: 16_000,
  smallMax: 7,
  keptRows: 1_000,
  pruneEvery: 16,
  quietMs: 1_000,
  unsealedMax: 50_000,
}

/** An append waits no longer than this for what is packed beside it. */
export const packMsMax = 8

/** Packs confirmed events into a segment when there are enough of them. Answers whether it did. */
export async function seal(engine: Engine, options: SealOptions): Promise<boolean> {
  // Made before the write, so that appends need not wait for it: what is confirmed does not change any more.
  const packed = await engine.steadily(() => pack(engine, options))
  if (packed === undefined) return false
  const sealing = engine.write((view) =>
    view.sealed === packed.sealed && view.canBeSaved ? planOf(view, packed) : undefined,
  )
  return (await sealing) === true
}

/** A segment that stands for the end of what is sealed and the beginning of what is not. */
interface Packed {
  /** What was sealed when it was made. */
  readonly sealed: SealedLog
  readonly before: SealedLog
  readonly segment: SegmentPlace
  readonly rows: readonly Request[]
  /** Revisions of large rows of `writes` that held what is packed. */
  readonly held: readonly number[]
}

/** How far to seal now: the end of a record. */
function sealableThrough(view: View, options: SealOptions): number | undefined {
  const { confirmed, sealed } = view
  const from = sealed.head.position
  const to = Math.min(confirmed.head.position, from + options.max)
  if (to - from < options.from || !view.canBeSaved) return undefined
  const record = confirmed.recordOf(to)
  return record.last <= to ? record.last : record.first > from + 1 ? record.first - 1 : record.last
}

async function pack(engine: Engine, options: SealOptions): Promise<Packed | undefined> {
  const { view, store } = engine
  const { sealed, confirmed } = view
  const through = sealableThrough(view, options)
  if (through === undefined) return undefined
  const digest = confirmed.digestAt(through)
  const small = smallAtEnd(sealed)
  const before = small.length < options.smallMax ? sealed : sealed.until(small[0]?.first ?? Infinity)
  const tail = await contentOf(store, view, through)
  const commits: PlacedCommit[] = []
  for (const place of sealed.segments.slice(before.segments.length)) commits.push(...(await sealed.commitsOf(place)))
  const again = countByStream(commits)
  commits.push(...tail.commits)
  mustReach(commits, before, through, digest)
  const countOf = await view.sealedCounts(countByStream(commits).keys())
  if (view.sealed !== sealed) throw new SegmentGone()
  const versionBefore = (stream: string): number => countOf(stream) - (again.get(stream) ?? 0)
  const { first, last, parts, directory } = await packCalmly(engine, commits, versionBefore)
  const isSpread = last - first + 1 >= options.max / 2
  const segment: SegmentPlace = { first, last, parts: parts.length, isSpread, digest }
  const texts = isSpread ? directory.buckets() : [directory.text()]
  const held = await heldRows(engine, tail.texts, options.heldTextMin ?? 4_000)
  return { sealed, before, segment, rows: segmentRows(segment, parts, texts), held }
}

/** Packs while appends and reads come in between. */
export const packCalmly = (
  { clock }: Engine,
  commits: readonly PlacedCommit[],
  versionBefore: VersionBefore,
): Promise<PackedSegment> => packSegment(commits, versionBefore, createBreather(clock, packMsMax))

export function countByStream(commits: readonly PlacedCommit[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { commit } of commits)
    for (const { stream } of commit.events) counts.set(stream, (counts.get(stream) ?? 0) + 1)
  return counts
}

/** What is packed takes the place of records: nothing may be missing. */
function mustReach(commits: readonly PlacedCommit[], { head }: SealedLog, through: number, digest: string): void {
  const position = commits.reduce((sum, { commit }) => sum + commit.events.length, head.position)
  // Another worker was first.
  if (position !== through) throw new SegmentGone()
  if (digest === '') return
  const computed = commits.reduce((before, { commit }) => nextDigest(before, commit.id, commit.contentId), head.digest)
  if (computed !== digest) throw new TidelogError('tidelog/storage-lost', `rows up to ${through} are missing`)
}

function planOf(view: View, { before, segment, rows, held }: Packed): Plan<boolean> {
  const { confirmed, pending, revision } = view
  const { first, last } = segment
  const waiting = new Set([...pending.list()].map((item) => item.revision))
  const checkpoint = keepCheckpoint({
    segments: before.with(segment).segments,
    head: confirmed.head,
    tailFrom: view.local === true && confirmed.head.position > last ? confirmed.recordOf(last + 1).key : revision + 1,
    view: view.save(revision + 1),
  })
  const beside: readonly Request[] = [
    { op: 'delete', store: 'log', from: first, to: last },
    ...rows,
    ...held.filter((own) => !waiting.has(own)).map((own) => stubOf(own, revision + 1)),
    checkpoint,
  ]
  return { row: { kind: 'seal', segment }, beside, result: true }
}

/** The last segments, as long as they are small. */
function smallAtEnd({ segments }: SealedLog): readonly SegmentPlace[] {
  return segments.slice(segments.findLastIndex(({ isSpread }) => isSpread) + 1)
}

/** The key stays taken, and the content is in the segment, or in the checkpoint and the records beside it. */
export const stubOf = (revision: number, by: number): Request => ({
  op: 'put',
  store: 'writes',
  row: { kind: 'stub', revision, format: rowFormat, by, isSealed: true },
})

/** Commits behind what is sealed, and about how many characters of them each row of `writes` brought. */
interface Content {
  readonly commits: readonly PlacedCommit[]
  readonly texts: ReadonlyMap<number, number>
}

/** What lies between what is sealed and a position. */
export async function contentOf(store: Store, view: View, through: number): Promise<Content> {
  const { confirmed, sealed } = view
  const commits: PlacedCommit[] = []
  const texts = new Map<number, number>()
  let first = sealed.head.position + 1
  const take = (text: string, revisions: readonly number[]): void => {
    const parsed = parseCommits(text)
    const isOneRow = new Set(revisions).size === 1
    // A condition was for the sequencer; it may be as long as a commit, and would stand in every part.
    parsed.forEach(({ condition: _condition, ...commit }, at) => {
      const revision = revisions[at] ?? revisions[0] ?? 0
      commits.push({ commit, first, revision })
      const size = isOneRow ? text.length / parsed.length : JSON.stringify(commit.events).length
      texts.set(revision, (texts.get(revision) ?? 0) + size)
      first += commit.events.length
    })
  }
  const [from, to] = [confirmed.recordOf(first).key, confirmed.recordOf(through).key]
  if (view.local === true) {
    const [rows] = await store.run([{ op: 'range', store: 'writes', from, to }])
    for (const row of rows) if (row.kind === 'append') take(row.commits, [row.revision])
  } else {
    const [rows] = await store.run([{ op: 'range', store: 'log', from, to }])
    const records = rows.filter((row): row is LogRow => 'commits' in row)
    for (const row of records) take(row.commits, row.revisions)
  }
  return { commits, texts }
}

/** The append rows among those that brought much: what others pulled is in no row of `writes`. */
async function heldRows({ store, view }: Engine, texts: Content['texts'], min: number): Promise<readonly number[]> {
  const large = [...texts].flatMap(([revision, text]) => (text > min ? [revision] : []))
  if (view.local === true) return large
  const held: number[] = []
  for (const key of large) {
    const [row] = await store.run([{ op: 'get', store: 'writes', key }])
    if (row?.kind === 'append') held.push(key)
  }
  return held
}
