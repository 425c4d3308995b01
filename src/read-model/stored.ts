import type { ConsumerPorts } from '../consumer/ports.ts'
import { behind } from '../consumer/rows-keys.ts'
import {
  askCheckpoint,
  chainsOf,
  type GenerationChains,
  type Layout,
  lastCheckpoint,
  type Standing,
} from '../consumer/rows-layout.ts'
import type { KeptAsk, KeptFound } from '../protocol/worker.ts'

/** The rows have moved on since they were looked at: what was asked has to be asked again. */
export class Moved extends Error {}

/** A row in the order of its ids, or of the keys of an index. */
export interface Entry {
  /** Its place: the id, or a key and the id. */
  readonly place: string
  readonly id: string
  /** The row, where the order is that of ids. */
  readonly text?: string
}
/** Places from one up to another, which is not part of it; absent: to the end. */
export interface Range {
  readonly from: string
  readonly until: string | undefined
}

/** Looks for where the last rows of a range begin, and places of one look. */
const looksMax = 50
const placesAtOnce = 8
/** Behind all keys of an index. */
const behindKeys = '5'

/** The rows of one generation at one position, as they rest on the disk. Rejects with {@link Moved}. */
export class StoredRows {
  readonly #call: ConsumerPorts['call']
  readonly #layout: Layout
  readonly #n: number
  readonly standing: Standing
  readonly #chains: GenerationChains

  constructor(call: ConsumerPorts['call'], layout: Layout, n: number, standing: Standing) {
    this.#call = call
    this.#layout = layout
    this.#n = n
    this.standing = standing
    this.#chains = chainsOf(layout, standing.generation)
  }

  /** Looks, and makes sure that all of it is of the same moment. */
  async #look(asks: readonly KeptAsk[]): Promise<readonly KeptFound[]> {
    const all = [askCheckpoint(this.#layout, this.#n), ...asks]
    const [checkpoint, ...found] = await this.#call((api) => api.lookUp(all))
    const { generation, position } = lastCheckpoint(checkpoint?.rows ?? [])?.at ?? {}
    if (generation !== this.standing.generation || position !== this.standing.position) throw new Moved()
    return found
  }

  /** The texts of rows; nothing for those that are not there. */
  async rows(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const found = await this.#look(ids.map((id) => ({ chain: this.#chains.rows + id })))
    return found.map(({ rows: [row] }) => row && String(row.value))
  }

  async count(index: string | undefined, range: Range): Promise<number> {
    if (isEmpty(range)) return 0
    const [found] = await this.#look([{ ...this.#ask(index, range), isCount: true }])
    return found?.count ?? 0
  }

  /** The first entries of a range. */
  async first(index: string | undefined, range: Range, limit: number): Promise<readonly Entry[]> {
    const [found = []] = isEmpty(range) ? [] : await this.#firstOfEach(index, [range], limit)
    return found
  }

  async #firstOfEach(
    index: string | undefined,
    ranges: readonly Range[],
    limit: number,
  ): Promise<readonly (readonly Entry[])[]> {
    const { length } = this.#prefix(index)
    const each = await this.#look(ranges.map((range) => ({ ...this.#ask(index, range), limit })))
    return each.map(({ rows }) =>
      rows.map(({ chain, value }) => {
        const place = chain.slice(length)
        return index === undefined ? { place, id: place, text: String(value) } : { place, id: String(value) }
      }),
    )
  }

  /**
   * The last entries of a range, the last one first. The disk only reads forwards: where they begin is found by looking at
   * several places at once, again and again.
   */
  async last(index: string | undefined, range: Range, limit: number): Promise<readonly Entry[]> {
    // At least so many entries lie from `low` on, and fewer from `high` on.
    let low = range.from
    let high = range.until ?? (index === undefined ? '\uffff' : behindKeys)
    const reach = limit * 4
    let found = await this.first(index, range, reach)
    for (let looks = 0; found.length === reach && looks < looksMax; looks++) {
      low = max(low, found[reach - limit]?.place ?? low)
      const places = placesBetween(low, high)
      if (places.length === 0) break
      const ranges = places.map((from) => ({ from, until: range.until }))
      const each = await this.#firstOfEach(index, ranges, reach)
      const at = each.findLastIndex(({ length }) => length >= limit)
      found = each[at] ?? found
      low = places[at] ?? low
      high = places[at + 1] ?? high
    }
    if (found.length === reach) found = await this.#toEnd(index, { ...range, from: low }, reach)
    return found.slice(-limit).reverse()
  }

  /** Reads on to the end of a range, and keeps the last ones. */
  async #toEnd(index: string | undefined, range: Range, reach: number): Promise<readonly Entry[]> {
    let kept: readonly Entry[] = []
    for (let from = range.from; ; ) {
      const page = await this.first(index, { ...range, from }, reach)
      kept = [...kept, ...page].slice(-reach)
      const last = page.at(-1)
      if (page.length < reach || last === undefined) return kept
      from = next(last.place)
    }
  }

  #prefix(index: string | undefined): string {
    return index === undefined ? this.#chains.rows : this.#chains.index(index)
  }

  #ask(index: string | undefined, { from, until }: Range): KeptAsk {
    const prefix = this.#prefix(index)
    return { chain: prefix + from, until: until === undefined ? behind(prefix) : prefix + until }
  }
}

/** The place right behind another. */
export const next = (place: string): string => `${place}\u0000`

export const isEmpty = ({ from, until }: Range): boolean => until !== undefined && from >= until

/** Texts between two others, in order: where they part, or a letter further on. */
function placesBetween(low: string, high: string): readonly string[] {
  let at = 0
  while (at < low.length && low[at] === high[at]) at++
  const places = spread(low.slice(0, at), codeAt(low, at), codeAt(high, at))
  if (places.length > 0 || at >= low.length) return places
  const code = codeAt(low, at + 1)
  // Most texts are plain.
  return spread(low.slice(0, at + 1), code, code < 0x7e ? 0x80 : 0x1_0000)
}

/** A few texts that go on with letters between two, evenly. */
function spread(start: string, above: number, below: number): readonly string[] {
  const count = Math.min(placesAtOnce, below - above - 1)
  return Array.from({ length: Math.max(0, count) }, (_, nth) => {
    const code = above + Math.floor(((nth + 1) * (below - above)) / (count + 1))
    return start + String.fromCharCode(code)
  })
}

const codeAt = (text: string, at: number): number => (at < text.length ? text.charCodeAt(at) : -1)
const max = (a: string, b: string): string => (a > b ? a : b)
