import { pageEventsMax } from '../../src/core/limits.ts'
import type { Marker } from '../../src/core/outcome.ts'
import { mustBeStreamName } from '../../src/core/queries.ts'
import { markerExpired, readOptions, viewSelectors } from '../../src/log/read-options.ts'
import { textOf, windowOf } from '../../src/log/reader.ts'
import type { ChangesAnswer, ChangesRequest, HeadsAnswer, ReadAnswer, ReadRequest } from '../../src/protocol/worker.ts'
import { toEventsText } from '../../src/segments/events-text.ts'
import type { LogIndex } from './log-index.ts'

/** Refuses a marker that was not given by this log. Throws `tidelog/marker-expired`. */
export function mustBeOf(index: LogIndex, marker: Marker): void {
  const { database, revision } = index.marker
  if (marker.database !== database || marker.revision > revision) throw markerExpired()
}

/** Answers pages of a log, as the worker of a browser does; all its events are confirmed. */
export class LogReader {
  readonly #index: LogIndex

  constructor(index: LogIndex) {
    this.#index = index
  }

  async read({ options, cursor, through: fixed }: ReadRequest): Promise<ReadAnswer> {
    const spec = readOptions(options)
    if (fixed === undefined) await this.#index.reach()
    if (spec.after !== undefined) mustBeOf(this.#index, spec.after)
    const head = this.#index.marker
    const through = fixed ?? head.confirmed
    const { fromVersion = 0, toVersion = Infinity, stream } = spec
    const isWanted = (position: number): boolean => {
      const version = stream === undefined ? 0 : this.#index.events.versionOf(stream, position)
      return stream === undefined || (version >= fromVersion && version <= toVersion)
    }
    const found: number[] = []
    for (const position of this.#index.matching(spec.selectors, windowOf(spec, through, cursor))) {
      if (found.length > spec.limit) break
      if (isWanted(position)) found.push(position)
    }
    const { events, reached } = await this.#page(found, spec.limit)
    return { events, pending: '[]', cursor: reached, through, head }
  }

  async changes({ scope, types, position, seen, limit = pageEventsMax }: ChangesRequest): Promise<ChangesAnswer> {
    const selectors = viewSelectors(scope, types)
    await this.#index.reach(seen)
    const head = this.#index.marker
    const { erasedAt } = this.#index
    const found: number[] = []
    for (const one of this.#index.matching(selectors, { after: position, through: head.confirmed })) {
      if (found.length > limit) break
      found.push(one)
    }
    const { events, reached } = await this.#page(found, limit)
    return {
      confirmed: events,
      position: reached ?? Math.max(position, head.confirmed),
      more: reached !== undefined,
      pendingIs: 'all',
      pending: '[]',
      erasedAt,
      head,
    }
  }

  async heads(streams: readonly string[]): Promise<HeadsAnswer> {
    for (const stream of streams) mustBeStreamName(stream)
    await this.#index.reach()
    const { marker: head, events, erasedAt: erased } = this.#index
    const counts = streams.map((stream) => events.countOf(stream))
    return {
      head,
      pending: 0,
      sealed: 0,
      erased,
      streams: counts.map((count) => ({ version: count, confirmed: count })),
    }
  }

  /** The first events of these positions; one position more says that others follow. */
  async #page(positions: readonly number[], limit: number): Promise<Page> {
    const places = await this.#index.placesOf(positions.slice(0, limit))
    const reached = positions.length > limit ? places.at(-1)?.position : undefined
    return { events: toEventsText(places.map(textOf)), reached }
  }
}
interface Page {
  readonly events: string
  /** The last position in it; absent where nothing follows. */
  readonly reached: number | undefined
}
