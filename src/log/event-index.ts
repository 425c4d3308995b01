import type { Selectable, Selector } from '../core/query.ts'

/** The part of the index that is looked at: ordinals above `after` up to and including `through`. */
export interface Window {
  readonly after: number
  readonly through: number
  readonly backwards?: boolean
}

/**
 * Finds events by stream, type and tag without looking at their content. An ordinal is an event's position (confirmed)
 * or its place in a queue (pending). With `all` ordinals may have gaps.
 */
export class EventIndex {
  readonly #streams = new Map<string, number[]>()
  readonly #types = new Map<string, number[]>()
  readonly #tags = new Map<string, number[]>()
  readonly #all: number[] | undefined

  constructor(all?: number[]) {
    this.#all = all
  }

  add(ordinal: number, { stream, type, tags }: Selectable): void {
    push(this.#streams, stream, ordinal)
    push(this.#types, type, ordinal)
    if (tags !== undefined) for (const tag of tags) push(this.#tags, tag, ordinal)
    if (this.#all !== undefined) insert(this.#all, ordinal)
  }

  /** Takes events out, all at once, since the lists may be long. */
  remove(events: ReadonlyMap<number, Selectable>): void {
    const touched = new Set<number[] | undefined>([this.#all])
    for (const { stream, type, tags = [] } of events.values()) {
      touched.add(this.#streams.get(stream)).add(this.#types.get(type))
      for (const tag of tags) touched.add(this.#tags.get(tag))
    }
    for (const list of touched) {
      let kept = 0
      for (const ordinal of list ?? []) if (!events.has(ordinal) && list) list[kept++] = ordinal
      if (list) list.length = kept
    }
  }

  /** Forgets every event up to and including an ordinal. */
  forget(through: number): void {
    for (const map of [this.#streams, this.#types, this.#tags])
      for (const [name, list] of map) {
        list.splice(0, above(list, through))
        if (list.length === 0) map.delete(name)
      }
  }

  /** Events of a stream so far. */
  countOf(stream: string): number {
    return this.#streams.get(stream)?.length ?? 0
  }

  /** Place of an ordinal in its stream, from 1. */
  versionOf(stream: string, ordinal: number): number {
    const list = this.#streams.get(stream)
    return list === undefined ? 0 : above(list, ordinal)
  }

  /** The ordinal of the n-th event (from 1) of a stream. */
  ordinalOf(stream: string, version: number): number | undefined {
    return this.#streams.get(stream)?.[version - 1]
  }

  /** Ordinals for which any of the selectors holds, each once, in the window's direction. */
  *matching(selectors: readonly Selector[], window: Window): Generator<number> {
    const walks = selectors.flatMap((selector) => this.#candidates(selector)).map((c) => new Walk(c, window))
    for (;;) {
      let next: number | undefined
      for (const walk of walks) {
        const head = walk.head
        if (head !== undefined && (next === undefined || (window.backwards === true ? head > next : head < next)))
          next = head
      }
      if (next === undefined) return
      for (const walk of walks) if (walk.head === next) walk.advance()
      yield next
    }
  }

  /** The shortest list that holds every match, and what is left to be looked at for each of its ordinals. */
  #candidates(selector: Selector): readonly Candidates[] {
    const { stream, types, tags } = selector
    const all: (readonly number[])[] = (tags ?? []).map((tag) => this.#tags.get(tag) ?? [])
    if (stream !== undefined) all.push(this.#streams.get(stream) ?? [])
    const ofTypes = types?.map((type) => this.#types.get(type) ?? [])
    if (all.length === 0) return (ofTypes ?? [this.#all]).map((list) => ({ list, required: [] }))
    all.sort((a, b) => a.length - b.length)
    const [list = [], ...required] = all
    return [{ list, required, ...(ofTypes === undefined ? {} : { anyOf: ofTypes }) }]
  }
}

interface Candidates {
  /** Absent: every ordinal of the window. */
  readonly list: readonly number[] | undefined
  readonly required: readonly (readonly number[])[]
  readonly anyOf?: readonly (readonly number[])[]
}

class Walk {
  head: number | undefined
  readonly #candidates: Candidates
  readonly #window: Window
  #at: number

  constructor(candidates: Candidates, window: Window) {
    this.#candidates = candidates
    this.#window = window
    const { list } = candidates
    const backwards = window.backwards === true
    if (list === undefined) this.#at = backwards ? window.through : window.after + 1
    else this.#at = backwards ? above(list, window.through) - 1 : above(list, window.after)
    this.advance()
  }

  advance(): void {
    const { list } = this.#candidates
    const { after, through, backwards } = this.#window
    for (;;) {
      const ordinal = list === undefined ? this.#at : list[this.#at]
      if (ordinal === undefined || ordinal <= after || ordinal > through) {
        this.head = undefined
        return
      }
      this.#at += backwards === true ? -1 : 1
      if (this.#holds(ordinal)) {
        this.head = ordinal
        return
      }
    }
  }

  #holds(ordinal: number): boolean {
    const { required, anyOf } = this.#candidates
    return required.every((list) => has(list, ordinal)) && (anyOf?.some((list) => has(list, ordinal)) ?? true)
  }
}

/** How many items of a list are at or below the value, by numbers that rise. */
export function above<T = number>(list: readonly T[], value: number, of: (item: T) => number = Number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (of(list[middle] as T) <= value) low = middle + 1
    else high = middle
  }
  return low
}
const has = (list: readonly number[], value: number): boolean => list[above(list, value) - 1] === value

function push(map: Map<string, number[]>, key: string, ordinal: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [ordinal])
  else insert(list, ordinal)
}

/** Nearly always at the end: only a pending commit that is replaced comes between others. */
function insert(list: number[], ordinal: number): void {
  if (ordinal > (list.at(-1) ?? 0)) list.push(ordinal)
  else list.splice(above(list, ordinal), 0, ordinal)
}
