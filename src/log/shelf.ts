import type { SegmentPlace } from '../protocol/rows.ts'
import { type Found, findTerm } from '../segments/directory.ts'
import { type Part, readPart } from '../segments/part.ts'
import { bucketOf, type Term } from '../segments/terms.ts'
import type { Key, Rows, Store } from '../store/store.ts'

/** Characters of JSON text whose parts are kept parsed, those used last. */
const partTextMax = 12_000_000
/** Characters of directories that are kept, those used last. */
const directoryTextMax = 32_000_000

/** A segment was packed anew by another worker: whoever looks has to catch up and begin again. */
export class SegmentGone extends Error {}

/** Values by name, the least recently used of which are dropped. */
class Recent<V> {
  readonly #values = new Map<string, { readonly value: V; readonly size: number }>()
  readonly #max: number
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  get(name: string): V | undefined {
    const kept = this.#values.get(name)
    if (kept === undefined) return undefined
    // Last in the map is last to go.
    this.#values.delete(name)
    this.#values.set(name, kept)
    return kept.value
  }

  keep(name: string, value: V, size: number): void {
    this.#size += size - (this.#values.get(name)?.size ?? 0)
    this.#values.set(name, { value, size })
    for (const [oldest, kept] of this.#values) {
      if (this.#size <= this.#max || oldest === name) return
      this.#values.delete(oldest)
      this.#size -= kept.size
    }
  }
}

/** What a lookup found in a segment. */
export type Find = (place: SegmentPlace, term: Term) => Found | undefined

/** Reads segments, and keeps what was read: their rows never change. */
export class Shelf {
  readonly #store: Store
  readonly #directories = new Recent<string>(directoryTextMax)
  readonly #parts = new Recent<Part>(partTextMax)

  constructor(store: Store) {
    this.#store = store
  }

  /** Looks terms up in segments. */
  async find(places: readonly SegmentPlace[], terms: readonly Term[]): Promise<Find> {
    const texts = new Map<string, string>()
    const asked: { readonly request: DirectoryRequest; readonly names: ReadonlyMap<number, string> }[] = []
    const isMissing = (name: string): boolean => {
      if (texts.has(name)) return false
      const text = this.#directories.get(name)
      if (text !== undefined) texts.set(name, text)
      return text === undefined
    }
    for (const place of places) {
      const name = textName(place)
      if (place.isSpread || !isMissing(name)) continue
      asked.push({
        request: { op: 'range', store: 'log', from: place.last, to: place.last },
        names: new Map([[place.last, name]]),
      })
    }
    const spread = places.filter(({ isSpread }) => isSpread)
    for (const bucket of new Set(terms.map(bucketOf))) {
      const missing = spread.filter((place) => isMissing(textName(place, bucket)))
      const [first, last] = [missing[0]?.last, missing.at(-1)?.last]
      if (first === undefined || last === undefined) continue
      asked.push({
        request: { op: 'range', store: 'dir', from: [bucket, first], to: [bucket, last] },
        names: new Map(missing.map((place) => [place.last, textName(place, bucket)])),
      })
    }
    const read = asked.length === 0 ? [] : await this.#store.run(asked.map(({ request }) => request))
    for (const [at, { names }] of asked.entries()) {
      const rows = new Map((read[at] ?? []).map((row) => [keyOf(row), row]))
      for (const [key, name] of names) {
        const row = rows.get(key)
        if (row === undefined || !('directory' in row)) throw new SegmentGone()
        texts.set(name, row.directory)
        this.#directories.keep(name, row.directory, row.directory.length)
      }
    }
    return (place, term) => findTerm(texts.get(textName(place, bucketOf(term))) ?? '', term, place.parts)
  }

  /** Some parts of a segment, in the order of their numbers. */
  async parts(place: SegmentPlace, numbers: readonly number[]): Promise<readonly Part[]> {
    const found = new Map<number, Part>()
    const missing: number[] = []
    for (const number of numbers) {
      const part = this.#parts.get(partName(place, number))
      if (part === undefined) missing.push(number)
      else found.set(number, part)
    }
    const runs = runsOf(missing)
    const ranges = runs.map(
      ({ from, to }) => ({ op: 'range', store: 'log', from: partKey(place, from), to: partKey(place, to) }) as const,
    )
    const read = ranges.length === 0 ? [] : await this.#store.run(ranges)
    runs.forEach(({ from, to }, at) => {
      const rows = read[at] ?? []
      if (rows.length !== to - from + 1) throw new SegmentGone()
      rows.forEach((row, nth) => {
        if (!('part' in row)) throw new SegmentGone()
        const part = readPart(row.part)
        found.set(from + nth, part)
        this.#parts.keep(partName(place, from + nth), part, row.part.length)
      })
    })
    return numbers.flatMap((number) => found.get(number) ?? [])
  }
}

/** Key of a part in `log`: between the last two positions of the segment, so that no other row has it. */
export const partKey = ({ last, parts }: Pick<SegmentPlace, 'last' | 'parts'>, number: number): number =>
  last - 1 + (number + 1) / (parts + 1)

const nameOf = ({ first, last }: SegmentPlace): string => `${first}-${last}`
const partName = (place: SegmentPlace, number: number): string => `${nameOf(place)}/${number}`
const textName = (place: SegmentPlace, bucket = 0): string =>
  place.isSpread ? `${nameOf(place)}#${bucket}` : nameOf(place)
const keyOf = (row: Rows['log'] | Rows['dir']): number => ('last' in row ? row.last : row.group)
type DirectoryRequest = { readonly op: 'range'; readonly store: 'log' | 'dir'; readonly from: Key; readonly to: Key }

/** Neighbouring numbers as one range. */
function runsOf(numbers: readonly number[]): readonly { readonly from: number; readonly to: number }[] {
  const runs: { from: number; to: number }[] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run?.to === number - 1) run.to = number
    else runs.push({ from: number, to: number })
  }
  return runs
}
