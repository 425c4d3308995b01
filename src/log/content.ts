import type { Commit } from '../core/commit.ts'
import { eventId } from '../core/commit.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { Request, Store } from '../store/store.ts'
import type { RecordPlace } from './confirmed-log.ts'
import { above } from './event-index.ts'
import { parseCommits, type View } from './view.ts'

/** Characters of JSON text whose commits are kept parsed, newest use first. */
const cachedTextMax = 4_000_000

interface LoadedRecord {
  readonly first: number
  readonly commits: readonly Commit[]
  /** First position of each commit. */
  readonly firsts: readonly number[]
  readonly size: number
}

/** Reads the content of confirmed events by their positions. What was read or written last is kept in memory. */
export class Content {
  readonly #store: Store
  readonly #view: View
  readonly #cache = new Map<number, LoadedRecord>()
  #cached = 0

  constructor(store: Store, view: View) {
    this.#store = store
    this.#view = view
  }

  /** The events at these positions, in their order. */
  async eventsAt(positions: readonly number[]): Promise<readonly PlacedEvent[]> {
    const places = new Map<number, RecordPlace>()
    for (const position of positions) {
      const place = this.#view.confirmed.recordOf(position)
      if (place !== undefined) places.set(place.key, place)
    }
    const records = await this.#load([...places.values()])
    return positions.flatMap((position) => {
      const record = records.get(this.#view.confirmed.recordOf(position)?.key ?? 0)
      return record === undefined ? [] : [this.#place(record, position)]
    })
  }

  /** A commit by the position of its first event. */
  async commitAt(position: number): Promise<Commit | undefined> {
    const place = this.#view.confirmed.recordOf(position)
    if (place === undefined) return undefined
    const record = (await this.#load([place])).get(place.key)
    return record?.commits[above(record.firsts, position) - 1]
  }

  /** Keeps what was just written, so that the views that follow need not read it. */
  keep(place: RecordPlace, commits: readonly Commit[], size: number): void {
    const firsts: number[] = []
    let position = place.first
    for (const commit of commits) {
      firsts.push(position)
      position += commit.events.length
    }
    this.#cache.set(place.key, { first: place.first, commits, firsts, size })
    this.#cached += size
    for (const [key, record] of this.#cache) {
      if (this.#cached <= cachedTextMax || key === place.key) break
      this.#cache.delete(key)
      this.#cached -= record.size
    }
  }

  async #load(places: readonly RecordPlace[]): Promise<ReadonlyMap<number, LoadedRecord>> {
    const loaded = new Map<number, LoadedRecord>()
    const missing: RecordPlace[] = []
    for (const place of places) {
      const hit = this.#cache.get(place.key)
      if (hit === undefined) missing.push(place)
      else loaded.set(place.key, hit)
    }
    if (missing.length === 0) return loaded
    const requests = runsOf(missing).map(
      ({ from, to }): Request => ({ op: 'range', store: this.#view.local === true ? 'writes' : 'log', from, to }),
    )
    const rows = (await this.#store.run(requests)).flat()
    const byKey = new Map(missing.map((place) => [place.key, place]))
    for (const row of rows) {
      const key = keyOf(row)
      const place = byKey.get(key)
      if (place === undefined || row === undefined || !('commits' in row) || typeof row.commits !== 'string') continue
      this.keep(place, parseCommits(row.commits), row.commits.length)
      const kept = this.#cache.get(key)
      if (kept !== undefined) loaded.set(key, kept)
    }
    return loaded
  }

  #place(record: LoadedRecord, position: number): PlacedEvent {
    const at = above(record.firsts, position) - 1
    const commit = record.commits[at]
    const index = position - (record.firsts[at] ?? 0)
    const event = commit?.events[index]
    if (commit === undefined || event === undefined) throw new Error(`tidelog: no event at position ${position}`)
    const version = this.#view.confirmed.index.versionOf(event.stream, position)
    return { ...placeOf(commit, index), version, position }
  }
}

/** An event of a commit without its place in the log. */
export function placeOf(commit: Commit, index: number): Omit<PlacedEvent, 'version' | 'position'> {
  const event = commit.events[index]
  if (event === undefined) throw new Error(`tidelog: commit ${commit.id} has no event ${index}`)
  return {
    ...event,
    id: eventId(commit, index),
    commitId: commit.id,
    time: commit.time,
    ...(commit.metadata === undefined ? {} : { metadata: commit.metadata }),
  }
}

const keyOf = (row: unknown): number => {
  if (typeof row !== 'object' || row === null) return 0
  if ('last' in row) return Number(row.last)
  return 'revision' in row ? Number(row.revision) : 0
}

/** Neighbouring records as one range, so that a scan is few requests. */
function runsOf(places: readonly RecordPlace[]): readonly { readonly from: number; readonly to: number }[] {
  const sorted = [...places].sort((a, b) => a.first - b.first)
  const runs: { from: number; to: number; last: number }[] = []
  for (const { first, last, key } of sorted) {
    const run = runs.at(-1)
    if (run !== undefined && run.last === first - 1) Object.assign(run, { to: key, last })
    else runs.push({ from: key, to: key, last })
  }
  return runs
}
