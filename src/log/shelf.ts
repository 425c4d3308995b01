import { TidelogError } from '../core/errors.ts'
import type { SegmentPlace } from '../protocol/rows.ts'
import { Directory, type Found } from '../segments/directory.ts'
import { gunzip } from '../segments/gzip.ts'
import type { SealedEvent } from '../segments/part.ts'
import { bucketOf, type Term } from '../segments/terms.ts'
import type { Key, Rows, Store } from '../store/store.ts'

/** Characters of parts that are kept, those used last. */
const partTextMax = 12_000_000
/** Parts whose events are kept in order: what somebody reads, and what comes next. */
export const sortedPartsMax = 500
/** Parts that are unpacked in one go. */
const bitParts = 16
/** Characters of directories that are kept, those used last; each costs about as much again for its places. */
const directoryTextMax = 24_000_000

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

  drop(name: string): void {
    this.#size -= this.#values.get(name)?.size ?? 0
    this.#values.delete(name)
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

/** Looks a term up in the segments that were asked for, by their places in that list. */
export type Find = (term: Term) => (at: number) => Found | undefined

/** Reads segments, and keeps what was read: their rows never change. */
export class Shelf {
  readonly #store: Store
  readonly #directories = new Recent<Directory>(directoryTextMax)
  readonly #parts = new Recent<string>(partTextMax)
  readonly #sorted = new Recent<Promise<readonly SealedEvent[]>>(sortedPartsMax)

  constructor(store: Store) {
    this.#store = store
  }

  /** One that has read nothing. */
  anew(): Shelf {
    return new Shelf(this.#store)
  }

  /** Looks terms up in segments. */
  async find(places: readonly SegmentPlace[], terms: readonly Term[]): Promise<Find> {
    if (terms.length === 0) return () => () => undefined
    const directories = new Map<string, Directory>()
    const asked: { readonly request: DirectoryRequest; readonly names: ReadonlyMap<number, string> }[] = []
    const isMissing = (name: string): boolean => {
      const kept = this.#directories.get(name)
      if (kept !== undefined) directories.set(name, kept)
      return kept === undefined
    }
    for (const place of places) {
      const name = textName(place)
      if (place.isSpread || !isMissing(name)) continue
      asked.push({
        request: { op: 'range', store: 'log', from: place.last, to: place.last },
        names: new Map([[place.last, name]]),
      })
    }
    const buckets = new Set(terms.map(bucketOf))
    const spread = places.filter(({ isSpread }) => isSpread)
    for (const bucket of buckets) {
      const missing = spread.filter((place) => isMissing(textName(place, bucket)))
      if (missing.length === 0) continue
      const lasts = missing.map(({ last }) => last)
      const from: Key = [bucket, Math.min(...lasts)]
      const to: Key = [bucket, Math.max(...lasts)]
      asked.push({
        request: { op: 'range', store: 'dir', from, to },
        names: new Map(missing.map((place) => [place.last, textName(place, bucket)])),
      })
    }
    const read = asked.length === 0 ? [] : await this.#store.run(asked.map(({ request }) => request))
    for (const [at, { names }] of asked.entries()) {
      const rows = new Map((read[at] ?? []).map((row) => [keyOf(row), row]))
      for (const [key, name] of names) {
        const row = rows.get(key)
        if (row === undefined || !('directory' in row)) throw new SegmentGone()
        const directory = new Directory(row.directory)
        directories.set(name, directory)
        this.#directories.keep(name, directory, directory.size)
      }
    }
    const inBucket = (bucket: number) => places.map((place) => directories.get(textName(place, bucket)))
    const ofBuckets = new Map([...buckets].map((bucket) => [bucket, inBucket(bucket)]))
    return (term) => {
      const found = ofBuckets.get(bucketOf(term)) ?? []
      return (at) => found[at]?.find(term, places[at]?.parts ?? 0)
    }
  }

  /** Texts of some parts of some segments, in the order asked for, in one transaction. */
  async parts(asked: readonly PartsOf[]): Promise<readonly (readonly string[])[]> {
    const found = new Map<string, string>()
    const missing = asked.flatMap(({ place, numbers }) => {
      const left = numbers.filter((number) => {
        const text = this.#parts.get(partName(place, number))
        if (text !== undefined) found.set(partName(place, number), text)
        return text === undefined
      })
      return runsOf(left).map((run) => ({ ...run, place }))
    })
    const read = await this.#readRuns(missing)
    for (const [at, { place, from }] of missing.entries())
      for (const [nth, text] of (read[at] ?? []).entries()) {
        found.set(partName(place, from + nth), text)
        this.#parts.keep(partName(place, from + nth), text, text.length)
      }
    return asked.map(({ place, numbers }) => numbers.flatMap((number) => found.get(partName(place, number)) ?? []))
  }

  /** Events of many parts as `read` gives them, kept under a name for whoever reads them page by page. */
  sorted(
    asked: PartsOf,
    name: string,
    read: (texts: readonly string[]) => readonly SealedEvent[],
  ): Promise<readonly SealedEvent[]> {
    const full = `${nameOf(asked.place)} ${name}`
    const kept = this.#sorted.get(full)
    if (kept !== undefined) return kept
    const events = this.manyParts(asked).then(read)
    events.catch(() => this.#sorted.drop(full))
    this.#sorted.keep(full, events, asked.numbers.length)
    return events
  }

  /** Texts of parts that are too many to be kept: what others look for would have to go. */
  async manyParts({ place, numbers }: PartsOf): Promise<readonly string[]> {
    const read = (from: number): Promise<readonly (readonly string[])[]> =>
      this.#readRuns(runsOf(numbers.slice(from, from + bitParts)).map((run) => ({ ...run, place })))
    const texts: string[] = []
    let bit = read(0)
    // Bit by bit, one ahead: somebody may wait for a page of what is there already, while much is unpacked.
    for (let from = bitParts; texts.length < numbers.length; from += bitParts) {
      const next = read(from)
      // Heard when its turn comes, unless this one fails.
      next.catch(() => {})
      texts.push(...(await bit).flat())
      bit = next
    }
    return texts
  }

  async #readRuns(
    runs: readonly { readonly place: SegmentPlace; readonly from: number; readonly to: number }[],
  ): Promise<readonly (readonly string[])[]> {
    if (runs.length === 0) return []
    const ranges = runs.map(
      ({ place, from, to }) =>
        ({ op: 'range', store: 'log', from: partKey(place, from), to: partKey(place, to) }) as const,
    )
    const read = await this.#store.run(ranges)
    return Promise.all(
      runs.map(async ({ place, from, to }, at) => {
        const parts = (read[at] ?? []).flatMap((row) =>
          'part' in row && row.part instanceof Uint8Array ? [row.part] : [],
        )
        if (parts.length !== to - from + 1) throw new SegmentGone()
        return Promise.all(parts.map(gunzip)).catch(() => {
          throw new TidelogError('tidelog/storage-lost', `events ${place.first} to ${place.last} are damaged`)
        })
      }),
    )
  }
}

/** Parts of one segment, by their numbers, rising. */
export interface PartsOf {
  readonly place: SegmentPlace
  readonly numbers: readonly number[]
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
