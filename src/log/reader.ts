import { pageEventsMax } from '../core/limits.ts'
import { mustBeStreamName } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, HeadsAnswer, ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { placeOf } from './content.ts'
import type { Engine } from './engine.ts'
import type { Window } from './event-index.ts'
import { firstOf } from './first-of.ts'
import { markerExpired, type ReadSpec, readOptions, viewSelectors } from './read-options.ts'
import type { View } from './view.ts'

/** Reads pages of a log: confirmed events up to a fixed position, then the pending ones of the same moment. */
export class Reader {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** One page. Rejects with `tidelog/argument` for options that make no sense, and with `tidelog/marker-expired`. */
  async read({ options, cursor, through: fixed }: ReadRequest): Promise<ReadAnswer> {
    const { view, content } = this.#engine
    const spec = readOptions(options)
    if (fixed === undefined) await this.#engine.catchUp()
    if (spec.after !== undefined && !isReadable(view, spec.after)) throw markerExpired()
    const through = fixed ?? view.confirmed.head.position
    // What follows up to the first await is one moment: positions, pending events and the marker belong together.
    const head = view.marker
    const pending = fixed === undefined ? pendingOf(view, spec) : []
    const { positions, more } = take(positionsOf(view, spec, windowOf(view, spec, through, cursor)), spec.limit)
    const events = await content.eventsAt(positions)
    return {
      events: JSON.stringify(events),
      pending: JSON.stringify(pending),
      cursor: more ? positions.at(-1) : undefined,
      through,
      head,
    }
  }

  /** What a view has to fold to be up to date. */
  async changes(request: ChangesRequest): Promise<ChangesAnswer> {
    const { view, content } = this.#engine
    const { position, revision, seen } = request
    const selectors = viewSelectors(request.scope, request.types)
    if (seen === undefined || view.revision < seen) await this.#engine.catchUp()
    const head = view.marker
    const window = { after: position, through: view.confirmed.head.position }
    const { positions, more } = take(view.confirmed.matching(selectors, window), pageEventsMax)
    const isAdded = positions.length === 0 && revision > 0 && revision >= view.reordered
    const pending = pendingMatching(view, selectors, isAdded ? revision : 0)
    const events = await content.eventsAt(positions)
    return {
      confirmed: JSON.stringify(events),
      position: more ? (positions.at(-1) ?? position) : Math.max(position, window.through),
      more,
      pendingIs: isAdded ? 'added' : 'all',
      pending: JSON.stringify(more ? [] : pending),
      head,
    }
  }

  async heads(streams: readonly string[]): Promise<HeadsAnswer> {
    for (const stream of streams) mustBeStreamName(stream)
    await this.#engine.catchUp()
    const { view } = this.#engine
    return {
      head: view.marker,
      pending: view.pending.size,
      streams: streams.map((stream) => ({
        version: view.versionOf(stream),
        confirmed: view.confirmed.index.countOf(stream),
      })),
    }
  }
}

const isReadable = (view: View, marker: { readonly database: string; readonly revision: number }): boolean =>
  marker.database === view.identity && marker.revision >= view.floor

function* positionsOf(view: View, { selectors, after }: ReadSpec, window: Window): Generator<number> {
  for (const position of view.confirmed.matching(selectors, window))
    if (after === undefined || view.confirmed.revisionAt(position) > after.revision) yield position
}

function windowOf(view: View, spec: ReadSpec, through: number, cursor: number | undefined): Window {
  const { fromPosition = 1, toPosition = through, fromVersion = 0, toVersion = Infinity, stream = '', after } = spec
  const { index } = view.confirmed
  // A version that is not confirmed yet lies behind everything.
  const place = (version: number): number => (version < 1 ? 0 : (index.ordinalOf(stream, version) ?? through + 1))
  const from = Math.max(fromPosition, (after?.confirmed ?? 0) + 1, place(fromVersion))
  const to = Math.min(toPosition, through, place(toVersion))
  return spec.isBackwards
    ? { after: from - 1, through: Math.min(to, (cursor ?? Infinity) - 1), backwards: true }
    : { after: Math.max(from - 1, cursor ?? 0), through: to }
}

/** Pending events that match and whose content came after a revision, in local order. */
export function pendingMatching(view: View, selectors: readonly Selector[], after: number): readonly PlacedEvent[] {
  const { pending, confirmed } = view
  const found: PlacedEvent[] = []
  for (const ordinal of pending.matching(selectors)) {
    const item = pending.at(ordinal)
    if (item === undefined || item.revision <= after) continue
    const placed = placeOf(item.commit, ordinal - item.place)
    const { stream } = placed
    found.push({ ...placed, version: confirmed.index.countOf(stream) + pending.index.versionOf(stream, ordinal) })
  }
  return found
}

function pendingOf(view: View, spec: ReadSpec): readonly PlacedEvent[] {
  const { selectors, after, toPosition, fromVersion = 0, toVersion = Infinity, isBackwards } = spec
  if (toPosition !== undefined) return []
  const found = pendingMatching(view, selectors, after?.revision ?? 0).filter(
    ({ version }) => version >= fromVersion && version <= toVersion,
  )
  return isBackwards ? found.reverse() : found
}

/** The first `max` values, and whether there are more. */
function take(
  values: Iterable<number>,
  max: number,
): { readonly positions: readonly number[]; readonly more: boolean } {
  const found = firstOf(values, max + 1)
  return { positions: found.slice(0, max), more: found.length > max }
}
