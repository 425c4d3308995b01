import type { Doc } from '../consumer/rows-fold.ts'
import { createBreather } from '../core/breather.ts'
import { deepFreeze } from '../core/decode.ts'
import type { Clock } from '../core/ports.ts'
import { type FindWanted, isIn, toCursor, type Wanted } from './asking.ts'
import type { Overlay } from './overlay.ts'
import { type Entry, isEmpty, next } from './stored.ts'

/** Entries that are read at once. */
const pageMax = 2_000
const sliceMs = 8

export interface FoundRow {
  readonly id: string
  readonly row: unknown
}
export interface FoundRows {
  readonly rows: readonly FoundRow[]
  /** The cursor behind the last row; absent when there are no more. */
  readonly next?: string
}

/** One row as the log has it. */
export async function getRow(overlay: Overlay, id: string): Promise<unknown> {
  if (overlay.isTouched(id)) return overlay.doc(id)?.row
  if (overlay.stored.standing.generation === 0) return undefined
  const [text] = await overlay.stored.rows([id])
  return text === undefined ? undefined : parse(text)
}

/** Rests and touched rows merged: what is touched counts as the log has it, wherever it rests. */
export async function findRows(overlay: Overlay, wanted: FindWanted, clock: Clock): Promise<FoundRows> {
  const { index, limit } = wanted
  const changed = entriesOf(overlay, wanted)
  const found: Entry[] = []
  let at = 0
  const isBefore = (a: Entry, b: Entry): boolean => (wanted.isDescending ? a.place > b.place : a.place < b.place)
  const take = (until?: Entry): void => {
    for (; at < changed.length && found.length <= limit; at++) {
      const entry = changed[at] as Entry
      if (until !== undefined && !isBefore(entry, until)) return
      found.push(entry)
    }
  }
  for await (const page of pagesOf(overlay, wanted)) {
    for (const entry of page) {
      if (overlay.isTouched(entry.id)) continue
      take(entry)
      if (found.length > limit) break
      found.push(entry)
    }
    if (found.length > limit) break
  }
  take()
  const shown = found.slice(0, limit)
  const rows = await toRows(overlay, shown, clock)
  const last = shown.at(-1)
  return found.length > limit && last ? { rows, next: toCursor(index, last.place) } : { rows }
}

export async function countRows(overlay: Overlay, { index, range }: Wanted): Promise<number> {
  const { stored } = overlay
  let count = stored.standing.generation === 0 ? 0 : await stored.count(index, range)
  const inRange = (doc: Doc | undefined, id: string): number =>
    placesOf(doc, id, index).filter((place) => isIn(range, place)).length
  for (const id of overlay.touched) count += inRange(overlay.doc(id), id) - inRange(overlay.storedDoc(id), id)
  return count
}

/** Where a row stands in the order of an index, or of the ids. */
export function placesOf(doc: Doc | undefined, id: string, index: string | undefined): readonly string[] {
  if (doc === undefined) return []
  return index === undefined ? [id] : (doc.keys[index] ?? []).map((key) => key + id)
}

/** The places of touched rows that are wanted, in order. */
function entriesOf(overlay: Overlay, { index, range, isDescending }: FindWanted): readonly Entry[] {
  const entries: Entry[] = []
  for (const id of overlay.touched)
    for (const place of placesOf(overlay.doc(id), id, index)) if (isIn(range, place)) entries.push({ place, id })
  entries.sort((a, b) => (a.place < b.place ? -1 : 1))
  return isDescending ? entries.reverse() : entries
}

/** What rests in the range, in order. */
async function* pagesOf(
  { stored }: Overlay,
  { index, range, isDescending, limit }: FindWanted,
): AsyncGenerator<readonly Entry[]> {
  if (stored.standing.generation === 0) return
  const size = Math.min(limit + 1, pageMax)
  for (let left = range; !isEmpty(left); ) {
    const page = isDescending ? await stored.last(index, left, size) : await stored.first(index, left, size)
    yield page
    const last = page.at(-1)
    if (last === undefined || page.length < size) return
    left = isDescending ? { ...left, until: last.place } : { ...left, from: next(last.place) }
  }
}

async function toRows(overlay: Overlay, entries: readonly Entry[], clock: Clock): Promise<readonly FoundRow[]> {
  const isMissing = ({ id, text }: Entry): boolean => text === undefined && !overlay.isTouched(id)
  const ids = [...new Set(entries.filter(isMissing).map(({ id }) => id))]
  const texts = new Map<string, string | undefined>()
  for (let from = 0; from < ids.length; from += pageMax) {
    const some = ids.slice(from, from + pageMax)
    const found = await overlay.stored.rows(some)
    for (const [at, id] of some.entries()) texts.set(id, found[at])
  }
  const breathe = createBreather(clock, sliceMs)
  const rows: FoundRow[] = []
  for (const { id, text = texts.get(id) } of entries) {
    const row = overlay.isTouched(id) ? overlay.doc(id)?.row : parse(String(text))
    rows.push(Object.freeze({ id, row }))
    await breathe()
  }
  return rows
}

const parse = (text: string): unknown => deepFreeze(JSON.parse(text))
