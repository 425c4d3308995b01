import { pageEventsMax } from '../core/limits.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, HeadsAnswer, ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { placeOf } from './content.ts'
import type { Engine } from './engine.ts'
import type { Window } from './event-index.ts'
import type { View } from './view.ts'

/** Reads pages of a log: confirmed events up to a fixed position, then the pending ones of the same moment. */
export class Reader {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async read(request: ReadRequest): Promise<ReadAnswer> {
    const { view, content } = this.#engine
    const isFirst = request.through === undefined
    if (isFirst) await this.#engine.catchUp()
    if (request.after !== undefined && !isReadable(view, request.after)) return { ok: false, reason: 'marker-expired' }
    const through = request.through ?? view.confirmed.head.position
    // What follows up to the first await is one moment: positions, pending events and the marker belong together.
    const head = view.marker
    const pending = isFirst ? pendingOf(view, request) : undefined
    const limit = Math.min(request.limit, pageEventsMax)
    const { positions, more } = take(this.#positions(view, request, through), limit)
    const events = await content.eventsAt(positions)
    const last = positions.at(-1)
    return {
      ok: true,
      events: JSON.stringify(events),
      count: events.length,
      through,
      head,
      ...(more && last !== undefined ? { cursor: last } : {}),
      ...(pending === undefined ? {} : { pending: JSON.stringify(pending) }),
    }
  }

  *#positions(view: View, request: ReadRequest, through: number): Generator<number> {
    const window = windowOf(view, request, through)
    const { after } = request
    for (const position of view.confirmed.matching(request.selectors, window))
      if (after === undefined || view.confirmed.revisionAt(position) > after.revision) yield position
  }

  /** What a view has to fold to be up to date. */
  async changes(request: ChangesRequest): Promise<ChangesAnswer> {
    const { view, content } = this.#engine
    const { selectors, position, revision, seen } = request
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

function windowOf(view: View, request: ReadRequest, through: number): Window {
  const backwards = request.direction === 'backwards'
  const from = Math.max(
    request.fromPosition ?? 1,
    (request.after?.confirmed ?? 0) + 1,
    positionOfVersion(view, request, request.fromVersion, 1),
  )
  const to = Math.min(request.toPosition ?? through, through, positionOfVersion(view, request, request.toVersion, 0))
  const { cursor } = request
  if (backwards) return { after: from - 1, through: Math.min(to, cursor === undefined ? to : cursor - 1), backwards }
  return { after: Math.max(from - 1, cursor ?? 0), through: to }
}

/** Where a version lies; one that is not confirmed yet lies behind everything. */
function positionOfVersion(view: View, request: ReadRequest, version: number | undefined, least: number): number {
  const stream = request.selectors[0]?.stream
  if (stream === undefined || version === undefined) return least === 1 ? 1 : Number.MAX_SAFE_INTEGER
  if (version < 1) return 0
  return view.confirmed.index.ordinalOf(stream, version) ?? Number.MAX_SAFE_INTEGER
}

/** Pending events that match and whose content came after a revision, in local order. */
function pendingMatching(view: View, selectors: readonly Selector[], after: number): readonly PlacedEvent[] {
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

function pendingOf(view: View, request: ReadRequest): readonly PlacedEvent[] {
  if (request.toPosition !== undefined) return []
  const found = pendingMatching(view, request.selectors, request.after?.revision ?? 0).filter(
    ({ version }) => version >= (request.fromVersion ?? 1) && version <= (request.toVersion ?? Number.MAX_SAFE_INTEGER),
  )
  return request.direction === 'backwards' ? [...found].reverse() : found
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
