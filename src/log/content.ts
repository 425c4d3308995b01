import type { Commit } from '../core/commit.ts'
import { eventId } from '../core/commit.ts'
import { damaged } from '../core/damage.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { DirectoryRow, LogRow, PartRow, WriteRow } from '../protocol/rows.ts'
import type { Store } from '../store/store.ts'
import type { RecordPlace } from './confirmed-tail.ts'
import { above } from './event-index.ts'
import { SegmentGone } from './shelf.ts'
import { parseCommits, type View } from './view.ts'

/** Characters of JSON text whose commits are kept parsed, the newest ones. */
const cachedTextMax = 4_000_000

/** Where an event lies. */
export interface EventPlace {
  readonly commit: Commit
  /** Its number in the commit, from 0. */
  readonly at: number
  readonly position: number
  readonly version: number
}

interface LoadedRecord {
  readonly commits: readonly Commit[]
  /** First position of each commit. */
  readonly firsts: readonly number[]
  readonly size: number
}

/** Reads the content of confirmed events that are not sealed, by their positions. What was read or written last is kept in memory. */
export class Content {
  readonly #store: Store
  readonly #view: View
  readonly #cache = new Map<number, LoadedRecord>()
  #cached = 0

  constructor(store: Store, view: View) {
    this.#store = store
    this.#view = view
  }

  /** The events at these positions, in their order. Throws {@link SegmentGone} when they are sealed meanwhile. */
  async eventsAt(positions: readonly number[]): Promise<readonly PlacedEvent[]> {
    const found = await this.placesOf(positions)
    return found.map(({ commit, at, ...place }) => ({ ...placeOf(commit, at), ...place }))
  }

  /** The same as places in their commits. */
  async placesOf(positions: readonly number[]): Promise<readonly EventPlace[]> {
    if (positions.length === 0) return []
    const { confirmed } = this.#view
    const places = positions.map((position) => confirmed.recordOf(position))
    const records = await this.#load(places)
    if (Math.min(...positions) <= this.#view.sealed.head.position) throw new SegmentGone()
    const found = positions.map((position, nth) => {
      const record = recordIn(records, places[nth]?.key)
      const nthCommit = above(record.firsts, position) - 1
      const commit = record.commits[nthCommit] as Commit
      const at = position - (record.firsts[nthCommit] ?? 0)
      const stream = commit.events[at]?.stream ?? ''
      return { commit, at, stream, position, version: confirmed.index.versionOf(stream, position) }
    })
    const countOf = await this.#view.sealedCounts(found.map(({ stream }) => stream))
    return found.map(({ stream, version, ...place }) => ({ ...place, version: version + countOf(stream) }))
  }

  /** A commit that is not sealed, by the position of its first event. */
  async commitAt(position: number): Promise<Commit | undefined> {
    const place = this.#view.confirmed.recordOf(position)
    const record = recordIn(await this.#load([place]), place.key)
    return record.commits[above(record.firsts, position) - 1]
  }

  /** Keeps what was just written, so that the views that follow need not read it. */
  keep(place: RecordPlace, commits: readonly Commit[], size: number): LoadedRecord {
    const firsts: number[] = []
    let position = place.first
    for (const commit of commits) {
      firsts.push(position)
      position += commit.events.length
    }
    const kept = { commits, firsts, size }
    this.#cached += size - (this.#cache.get(place.key)?.size ?? 0)
    this.#cache.set(place.key, kept)
    for (const [key, record] of this.#cache) {
      if (this.#cached <= cachedTextMax || key === place.key) break
      this.#cache.delete(key)
      this.#cached -= record.size
    }
    return kept
  }

  async #load(places: readonly RecordPlace[]): Promise<ReadonlyMap<number, LoadedRecord>> {
    const loaded = new Map<number, LoadedRecord>()
    const missing = new Map<number, RecordPlace>()
    for (const place of places) {
      const hit = this.#cache.get(place.key)
      if (hit === undefined) missing.set(place.key, place)
      else loaded.set(place.key, hit)
    }
    if (missing.size === 0) return loaded
    const store = this.#view.local === true ? 'writes' : 'log'
    const runs = runsOf([...missing.values()])
    const rows = await this.#store.run(runs.map(({ from, to }) => ({ op: 'range', store, from, to }) as const))
    for (const row of rows.flat() as readonly (WriteRow | LogRow | PartRow | DirectoryRow)[]) {
      const key = 'last' in row ? row.last : row.revision
      const place = missing.get(key)
      if (place !== undefined && 'commits' in row)
        loaded.set(key, this.keep(place, parseCommits(row.commits), row.commits.length))
    }
    return loaded
  }
}

function recordIn(records: ReadonlyMap<number, LoadedRecord>, key: number | undefined): LoadedRecord {
  const record = records.get(key ?? 0)
  if (record === undefined) throw new SegmentGone()
  return record
}

/** An event of a commit without its place in the log. */
export function placeOf(commit: Commit | undefined, index: number): Omit<PlacedEvent, 'version' | 'position'> {
  const event = commit?.events[index]
  if (event === undefined || commit === undefined) throw damaged(`commit ${commit?.id} has no event ${index}`)
  return { ...event, id: eventId(commit, index), commitId: commit.id, time: commit.time, metadata: commit.metadata }
}

/** Neighbouring records as one range, so that a scan is few requests. */
function runsOf(places: RecordPlace[]): readonly { readonly from: number; readonly to: number }[] {
  const runs: { from: number; to: number; last: number }[] = []
  for (const { first, last, key } of places.sort((a, b) => a.first - b.first)) {
    const run = runs.at(-1)
    if (run?.last === first - 1) Object.assign(run, { to: key, last })
    else runs.push({ from: key, to: key, last })
  }
  return runs
}
