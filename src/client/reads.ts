import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isCount } from '../core/guard.ts'
import { pageEventsMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import { type AnyQuery, scopeToSelectors } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import type { ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { mustBeMarker } from './append-call.ts'
import { type AnyEvent, decodeAll } from './appends.ts'
import type { Connection } from './connection.ts'

export interface AnyReadOptions {
  readonly stream?: string
  readonly query?: AnyQuery
  readonly direction?: 'forwards' | 'backwards'
  readonly limit?: number
  readonly after?: Marker
  readonly fromPosition?: number
  readonly toPosition?: number
  readonly fromVersion?: number
  readonly toVersion?: number
  readonly unknown?: 'skip' | 'yield'
}
export interface AnyReadResult extends AsyncIterable<AnyEvent> {
  readonly head: Promise<Marker>
  readonly all: () => Promise<{ readonly events: readonly AnyEvent[]; readonly head: Marker }>
}

const optionNames: ReadonlySet<string> = new Set([
  'stream',
  'query',
  'direction',
  'limit',
  'after',
  'fromPosition',
  'toPosition',
  'fromVersion',
  'toVersion',
  'unknown',
])

type Page = Extract<ReadAnswer, { ok: true }>

/** Reads a log page by page. Throws for misuse before anything is asked. */
export function readLog(connection: Connection, definitions: EventMap, options: AnyReadOptions): AnyReadResult {
  const request = toRequest(options)
  let first: Promise<Page> | undefined
  const firstPage = (): Promise<Page> => {
    first ??= askPage(connection, request)
    return first
  }
  const wanted = (event: AnyEvent): boolean => event.type !== '$unknown' || options.unknown === 'yield'
  async function* events(start: Page): AsyncGenerator<AnyEvent> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    let given = 0
    for await (const page of pages(connection, definitions, request, start))
      for (const event of page) {
        if (given >= limit) return
        if (!wanted(event)) continue
        given += 1
        yield event
      }
  }
  return {
    get head() {
      return firstPage().then(({ head }) => head)
    },
    all: async () => {
      const start = await firstPage()
      const found: AnyEvent[] = []
      for await (const event of events(start)) found.push(event)
      return { events: found, head: start.head }
    },
    async *[Symbol.asyncIterator]() {
      // Each iteration is a read of its own; only `head` and `all` share one.
      const start = first === undefined ? firstPage() : askPage(connection, request)
      yield* events(await start)
    },
  }
}

/** All events of a read in its direction: confirmed pages, and the pending events of the first one's moment. */
async function* pages(
  connection: Connection,
  definitions: EventMap,
  request: ReadRequest,
  start: Page,
): AsyncGenerator<readonly AnyEvent[]> {
  const pending = decodeAll(definitions, start.pending ?? '[]')
  if (request.direction === 'backwards') yield pending
  for (let page = start; ; ) {
    yield decodeAll(definitions, page.events)
    if (page.cursor === undefined) break
    page = await askPage(connection, { ...request, cursor: page.cursor, through: start.through })
  }
  if (request.direction === 'forwards') yield pending
}

async function askPage(connection: Connection, request: ReadRequest): Promise<Page> {
  const answer = await connection.call((api) => api.read(request))
  if (answer.ok) return answer
  throw new TidelogError('tidelog/marker-expired', 'the marker is of another database, or too old: read without it')
}

function toRequest(options: AnyReadOptions): ReadRequest {
  for (const name of Object.keys(options)) mustBe(optionNames.has(name), `read has no option ${name}`)
  const { direction = 'forwards', limit, after, stream, unknown } = options
  mustBe(direction === 'forwards' || direction === 'backwards', "direction is 'forwards' or 'backwards'")
  mustBe(limit === undefined || isCount(limit), `limit must be a whole number from 0, not ${String(limit)}`)
  mustBe(unknown === undefined || unknown === 'skip' || unknown === 'yield', "unknown is 'skip' or 'yield'")
  if (after !== undefined) mustBeMarker(after)
  const bounds: Partial<Record<'fromPosition' | 'toPosition' | 'fromVersion' | 'toVersion', number>> = {}
  for (const name of ['fromPosition', 'toPosition', 'fromVersion', 'toVersion'] as const) {
    const value = options[name]
    if (value === undefined) continue
    mustBe(isCount(value), `${name} must be a whole number from 0, not ${String(value)}`)
    mustBe(name.endsWith('Position') || stream !== undefined, `${name} needs a stream`)
    bounds[name] = value
  }
  const selectors: readonly Selector[] = scopeToSelectors(options)
  // Events of unknown types may have to be skipped, so a page may hold more than is wanted.
  const pageLimit = Math.max(1, Math.min(limit ?? pageEventsMax, pageEventsMax))
  return { selectors, direction, limit: pageLimit, ...bounds, ...(after === undefined ? {} : { after }) }
}
