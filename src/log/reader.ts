import { pageEventsMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import { mustBeStreamName } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, HeadsAnswer, ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { type EventText, toEventsText } from '../segments/events-text.ts'
import { type EventPlace, placeOf } from './content.ts'
import type { Engine } from './engine.ts'
import type { Window } from './event-index.ts'
import { markerExpired, type ReadSpec, readOptions, viewSelectors } from './read-options.ts'
import { SegmentGone } from './shelf.ts'
import type { View } from './view.ts'

/** Reads pages of a log: confirmed events up to a fixed position, then the pending ones of the same moment. */
export class Reader {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** One page. Rejects with `tidelog/argument` for options that make no sense, and with `tidelog/marker-expired`. */
  read(request: ReadRequest): Promise<ReadAnswer> {
    return this.#engine.steadily(() => this.#read(request))
  }

  async #read({ options, cursor, through: fixed }: ReadRequest): Promise<ReadAnswer> {
    const { view } = this.#engine
    const spec = readOptions(options)
    // Where to look among what is sealed is looked up meanwhile.
    if (fixed === undefined) await Promise.all([this.#engine.catchUp(), view.sealed.lookUp(spec.selectors)])
    if (spec.after !== undefined && !isReadable(view, spec.after)) throw markerExpired()
    const through = fixed ?? view.confirmed.head.position
    // What follows up to the first await is one moment: positions, pending events and the marker belong together.
    const head = view.marker
    const window = windowOf(spec, through, cursor)
    const [pending, page] = await Promise.all([
      fixed === undefined ? pendingOf(view, spec) : [],
      this.#page(spec.selectors, window, { ...spec, readsOn: options.limit === undefined }),
    ])
    const { reached, ...confirmed } = page
    return { ...confirmed, pending: JSON.stringify(pending), cursor: reached, through, head }
  }

  /** What a view has to fold to be up to date. */
  changes(request: ChangesRequest): Promise<ChangesAnswer> {
    return this.#engine.steadily(() => this.#changes(request))
  }

  async #changes(request: ChangesRequest): Promise<ChangesAnswer> {
    const { view } = this.#engine
    const { position, revision, seen, limit = pageEventsMax, isTold, isConfirmedOnly } = request
    const selectors = viewSelectors(request.scope, request.types)
    await this.#engine.reach(seen, isTold)
    const head = view.marker
    const through = view.confirmed.head.position
    const hasNew = !view.confirmed.matching(selectors, { after: position, through }).next().done
    const isAdded = !hasNew && position >= view.sealed.head.position && revision > 0 && revision >= view.reordered
    const [pending, { events, reached }] = await Promise.all([
      isConfirmedOnly ? [] : pendingMatching(view, selectors, isAdded ? revision : 0),
      this.#page(selectors, { after: position, through }, { limit, readsOn: true }),
    ])
    const more = reached !== undefined
    return {
      confirmed: events,
      position: reached ?? Math.max(position, through),
      more,
      pendingIs: isAdded ? 'added' : 'all',
      pending: JSON.stringify(more ? [] : pending),
      erasedAt: view.erased.revision,
      head,
    }
  }

  async heads(streams: readonly string[]): Promise<HeadsAnswer> {
    for (const stream of streams) mustBeStreamName(stream)
    await this.#engine.catchUp()
    return this.#engine.steadily(async () => {
      const { view } = this.#engine
      const [head, pending, sealed] = [view.marker, view.pending.size, view.sealed.head.position]
      const [versions, countOf] = await Promise.all([view.versionsOf(streams), view.confirmedCounts(streams)])
      return {
        head,
        pending,
        sealed,
        erased: view.erased.through,
        streams: streams.map((stream) => ({ version: versions.get(stream) ?? 0, confirmed: countOf(stream) })),
      }
    })
  }

  /** Confirmed events of a window that match, sealed or not; the first ones in its direction. */
  async #page(
    selectors: readonly Selector[],
    window: Window,
    { limit, readsOn, ...wanted }: Wanted & { readonly limit: number; readonly readsOn?: boolean },
  ): Promise<Page> {
    const { view, content } = this.#engine
    const { sealed } = view
    const found: EventText[] = []
    const takeSealed = async (): Promise<void> => {
      for await (const events of sealed.matching(selectors, window, readsOn))
        for (const event of events) {
          if (found.length > limit) return
          if (isWanted(wanted, event)) found.push(event)
        }
    }
    const takeTail = async (): Promise<void> => {
      const before = wanted.stream === undefined ? 0 : (await view.sealedCounts([wanted.stream]))(wanted.stream)
      // What was sealed meanwhile is neither in this tail nor in those segments.
      if (view.sealed !== sealed) throw new SegmentGone()
      const { confirmed } = view
      const positions: number[] = []
      for (const position of confirmed.matching(selectors, window)) {
        if (found.length + positions.length > limit) break
        const version = wanted.stream === undefined ? 0 : before + confirmed.index.versionOf(wanted.stream, position)
        if (isWanted(wanted, { version, revision: confirmed.revisionAt(position) })) positions.push(position)
      }
      found.push(...(await content.placesOf(positions)).map(textOf))
    }
    if (window.backwards === true) {
      await takeTail()
      await takeSealed()
    } else {
      await takeSealed()
      await takeTail()
    }
    const events = found.slice(0, limit)
    return {
      events: toEventsText(events),
      reached: found.length > limit ? events.at(-1)?.position : undefined,
    }
  }
}

/** An event that is not sealed, as what is sealed has it. */
export const textOf = ({ commit, at, position, version }: EventPlace): EventText => {
  const { id, contentId, time, metadata } = commit
  const head = JSON.stringify([{ id, contentId, time, metadata }, position - at])
  return { position, line: (placeOf) => JSON.stringify([position, version, placeOf(head), commit.events[at]]) }
}
interface Page {
  /** As `toEventsText` gives them. */
  readonly events: string
  /** The last position that was looked at; absent where nothing is left of the window. */
  readonly reached: number | undefined
}

/** What a read restricts beside its selectors and positions. Versions need a stream. */
interface Wanted {
  readonly stream?: string | undefined
  readonly fromVersion?: number | undefined
  readonly toVersion?: number | undefined
  readonly after?: Marker | undefined
}

const isWanted = (
  { stream, fromVersion = 0, toVersion = Infinity, after }: Wanted,
  event: { readonly version: number; readonly revision: number },
): boolean =>
  (stream === undefined || (event.version >= fromVersion && event.version <= toVersion)) &&
  (after === undefined || event.revision > after.revision)

const isReadable = (view: View, marker: { readonly database: string; readonly revision: number }): boolean =>
  marker.database === view.identity && marker.revision >= view.floor

/** The part of the log that a page of a read looks at. */
export function windowOf(spec: ReadSpec, through: number, cursor: number | undefined): Window {
  const { fromPosition = 1, toPosition = through, after } = spec
  const from = Math.max(fromPosition, (after?.confirmed ?? 0) + 1)
  const to = Math.min(toPosition, through)
  return spec.isBackwards
    ? { after: from - 1, through: Math.min(to, (cursor ?? Infinity) - 1), backwards: true }
    : { after: Math.max(from - 1, cursor ?? 0), through: to }
}

/** Pending events that match and whose content came after a revision, in local order; for the moment of the call. */
export async function pendingMatching(
  view: View,
  selectors: readonly Selector[],
  after: number,
): Promise<readonly PlacedEvent[]> {
  const { pending } = view
  const found: PlacedEvent[] = []
  for (const ordinal of pending.matching(selectors)) {
    const item = pending.at(ordinal)
    if (item === undefined || item.revision <= after) continue
    const placed = placeOf(item.commit, ordinal - item.place)
    found.push({ ...placed, version: pending.index.versionOf(placed.stream, ordinal) })
  }
  if (found.length === 0) return found
  const countOf = await view.confirmedCounts(found.map(({ stream }) => stream))
  return found.map((event) => ({ ...event, version: event.version + countOf(event.stream) }))
}

async function pendingOf(view: View, spec: ReadSpec): Promise<readonly PlacedEvent[]> {
  const { selectors, after, toPosition, fromVersion = 0, toVersion = Infinity, isBackwards } = spec
  if (toPosition !== undefined) return []
  const found = (await pendingMatching(view, selectors, after?.revision ?? 0)).filter(
    ({ version }) => version >= fromVersion && version <= toVersion,
  )
  return isBackwards ? found.reverse() : found
}
