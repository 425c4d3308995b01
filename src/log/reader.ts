import { TidelogError } from '../core/errors.ts'
import { pageEventsMax } from '../core/limits.ts'
import { mustBeStreamName } from '../core/queries.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, HeadsAnswer, ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { placeOf } from './content.ts'
import type { Engine } from './engine.ts'
import type { Window } from './event-index.ts'
import { type ReadSpec, readOptions, viewSelectors } from './read-options.ts'
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
    if (spec.after !== undefined && !isReadable(view, spec.after))
      throw new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old')
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
  const { fromPosition = 1, toPosition = through, fromVersion, toVersion, stream = '', after, isBackwards } = spec
  const { index } = view.confirmed
  // A version that is not confirmed yet lies behind everything.
  const place = (version: number): number => (version < 1 ? 0 : (index.ordinalOf(stream, version) ?? through + 1))
  const from = Math.max(fromPosition, (after?.confirmed ?? 0) + 1, fromVersion === undefined ? 1 : place(fromVersion))
  const to = Math.min(toPosition, through, toVersion === undefined ? through : place(toVersion))
  if (isBackwards)
    return { after: from - 1, through: cursor === undefined ? to : Math.min(to, cursor - 1), backwards: true }
  return { after: Math.max(from - 1, cursor ?? 0), through: to }
}

/** Pending events that match and whose content came after a revision, in local order. */
export function pendingMatching(view: View, selectors: readonly Selector[], after: number): readonly PlacedEvent[] {
  const counts = new Map<string, number>()
  const found: PlacedEvent[] = []
  for (const { commit, revision } of view.pending.list()) {
    commit.events.forEach((event, index) => {
      const { stream } = event
      const version = (counts.get(stream) ?? view.confirmed.index.countOf(stream)) + 1
      counts.set(stream, version)
      if (revision > after && matches(selectors, event)) found.push({ ...placeOf(commit, index), version })
    })
  }
  return found
}

function pendingOf(view: View, spec: ReadSpec): readonly PlacedEvent[] {
  const { selectors, after, toPosition, fromVersion = 0, toVersion = Number.POSITIVE_INFINITY, isBackwards } = spec
  if (toPosition !== undefined) return []
  const found = pendingMatching(view, selectors, after?.revision ?? 0).filter(
    ({ version }) => version >= fromVersion && version <= toVersion,
  )
  return isBackwards ? found.reverse() : found
}

/** The first `max` values, and whether there are more. */
function take(
  values: Generator<number>,
  max: number,
): { readonly positions: readonly number[]; readonly more: boolean } {
  const positions: number[] = []
  for (const value of values) {
    if (positions.length >= max) return { positions, more: true }
    positions.push(value)
  }
  return { positions, more: false }
}
