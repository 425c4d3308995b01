import { type AnyLog, type Inside, insideOf } from '../client/inside.ts'
import { sleep, within } from '../consumer/attempts.ts'
import { RowsFold } from '../consumer/rows-fold.ts'
import { isRowId } from '../consumer/rows-keys.ts'
import { RowsWriter } from '../consumer/rows-writer.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isRecord } from '../core/guard.ts'
import type { Observable } from '../core/observable.ts'
import type { Marker, Receipt } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import type { AnyReadModel, ReadModel } from '../core/read-model.ts'
import { portsOf } from '../subscribe/hub-of.ts'
import { type CountOptions, type FindOptions, readCountOptions, readFindOptions } from './asking.ts'
import { countRows, findRows, getRow } from './find.ts'
import { createLiveQuery, type LiveQuery, type OwnLiveQuery } from './live.ts'
import { Overlay } from './overlay.ts'
import { RowsReader } from './reader.ts'
import type { ReadModelStatus } from './status.ts'

/** A page of rows, as the log had them at `head`. */
export interface Found<Row> {
  readonly rows: readonly { readonly id: string; readonly row: Row }[]
  /** Give it as `after` to get what follows; absent when nothing does. */
  readonly next?: string
  readonly head: Marker
  /** The version that the rows are of: an older one while this one is being built. */
  readonly version: number
}

/** The rows of a read model, always as the log has them: pending events included. */
export interface OpenReadModel<Row> {
  readonly get: (id: string) => Promise<Row | undefined>
  readonly find: (options?: FindOptions) => Promise<Found<Row>>
  /** How many rows there are; in an index, how many of their keys. */
  readonly count: (options?: CountOptions) => Promise<number>
  /** The same as `find`, kept up to date. */
  readonly live: (options?: FindOptions) => LiveQuery<Found<Row>>
  readonly status: Observable<ReadModelStatus>
  /** Resolves once answers have seen what the receipt or marker has seen; rejects with `tidelog/timeout`. */
  readonly waitFor: (seen: Receipt<unknown> | Marker, options?: { readonly timeoutMs?: number }) => Promise<void>
  /** Builds all rows anew and resolves when they are there; until then the old ones are given. */
  readonly reset: () => Promise<void>
  /** Has a parked model try its event again. */
  readonly retry: () => Promise<void>
  readonly close: () => Promise<void>
}

/** A worker that writes the rows of its models is given so long to begin, before the page does it. */
const workerFirstMs = 2_000
/** How often a marker that is ahead is looked for. */
const waitMs = 100

const opened = new WeakMap<Inside, Map<AnyReadModel, OpenReadModel<never>>>()

/**
 * Opens a read model over a log; the same model gives the same object until it is closed. Where no worker writes its rows
 * this page does. Throws `tidelog/argument` for a definition that makes no sense.
 */
export function openReadModel<M extends EventMap, Row>(log: AnyLog, model: ReadModel<M, Row>): OpenReadModel<Row> {
  const parts = insideOf(log)
  const models = opened.get(parts) ?? new Map<AnyReadModel, OpenReadModel<never>>()
  opened.set(parts, models)
  const present = models.get(model)
  if (present !== undefined) return present as OpenReadModel<Row>
  const made = open<Row>(parts, model, () => models.delete(model))
  models.set(model, made as OpenReadModel<never>)
  return made
}

function open<Row>(parts: Inside, model: AnyReadModel, onEnd: () => void): OpenReadModel<Row> {
  const fold = new RowsFold(model)
  const ports = portsOf(parts)
  const isServed = parts.readModels.some(({ name }) => name === model.name)
  const reader = new RowsReader(ports, fold)
  const writer = new RowsWriter(ports, fold, isServed ? workerFirstMs : 0)
  const lives = new Set<OwnLiveQuery<Found<Row>>>()
  const find = async (options: FindOptions = {}, seen?: number): Promise<Found<Row>> => {
    mustBe(isRecord(options), 'options', options)
    const wanted = readFindOptions(model, options)
    return reader.ask(async (rows) => {
      const found = rows instanceof Overlay ? await findRows(rows, wanted, ports.clock) : await rows.find(wanted)
      const version = rows instanceof Overlay ? model.version : rows.version
      return Object.freeze({ ...found, head: rows.head, version }) as Found<Row>
    }, seen)
  }
  const made: OpenReadModel<Row> = {
    status: { get: reader.status.get, subscribe: reader.status.subscribe },
    get: async (id) => {
      mustBe(isRowId(id), 'the id of a row', id)
      return (await reader.ask((rows) => (rows instanceof Overlay ? getRow(rows, id) : rows.get(id)))) as
        | Row
        | undefined
    },
    find: (options) => find(options),
    count: async (options = {}) => {
      mustBe(isRecord(options), 'options', options)
      const wanted = readCountOptions(model, options)
      return reader.ask((rows) => (rows instanceof Overlay ? countRows(rows, wanted) : rows.count(wanted)))
    },
    live: (options = {}) => {
      readFindOptions(model, options)
      const live: OwnLiveQuery<Found<Row>> = createLiveQuery<Found<Row>>(
        { ask: (seen) => find(options, seen), isSame, onMoved: ports.onMoved },
        () => lives.delete(live),
      )
      lives.add(live)
      return live
    },
    waitFor: (seen, options = {}) => waitFor(reader, ports.clock, 'head' in seen ? seen.head : seen, options),
    reset: async () => {
      const { last } = await reader.alter(({ problem: _tried, ...at }) => {
        const generation = at.last + 1
        return { ...at, building: { generation, position: 0 }, last: generation }
      })
      writer.kick()
      await reader.until(({ generation }) => generation >= last)
    },
    retry: async () => {
      await reader.alter(({ problem: _tried, ...at }) => at)
      writer.kick()
      for (const live of lives) live.look()
    },
    close: async () => {
      onEnd()
      for (const live of lives) live.close()
      reader.close()
      await writer.stop()
    },
  }
  return made
}

/** Every answer looks at the log, so there is only something to wait for while rows are being built, or a marker is ahead. */
async function waitFor(
  reader: RowsReader,
  clock: Clock,
  marker: Marker,
  { timeoutMs }: { readonly timeoutMs?: number },
): Promise<void> {
  const { signal } = new AbortController()
  await within(
    async (over) => {
      while (!over.aborted) {
        const [head, isOwn] = await reader.ask(async (rows) => [rows.head, rows instanceof Overlay] as const)
        mustBe(head.database === marker.database, 'a marker', marker.database)
        if (isOwn && head.revision >= marker.revision) return
        await sleep(clock, waitMs, over)
      }
    },
    { clock, timeoutMs, signal },
  )
}

/** Rows are made anew with each answer; who looks at them should not see that. */
function isSame(a: Found<unknown>, b: Found<unknown>): boolean {
  if (a.version !== b.version || a.next !== b.next || a.rows.length !== b.rows.length) return false
  return a.rows.every(({ id, row }, at) => {
    const other = b.rows[at]
    return other?.id === id && (other.row === row || JSON.stringify(other.row) === JSON.stringify(row))
  })
}
