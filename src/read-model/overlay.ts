import type { ConsumerPorts } from '../consumer/ports.ts'
import { positionOf, type RawEvent, rawEventsIn } from '../consumer/raw-event.ts'
import { type AnyEvent, type Doc, idsOf, Poison, type RowsFold, type Step } from '../consumer/rows-fold.ts'
import type { KeptCheckpoint, Layout, RowsCheckpoint, Standing } from '../consumer/rows-layout.ts'
import { createBreather } from '../core/breather.ts'
import { decodeEvent } from '../core/decode.ts'
import type { EventMap } from '../core/event.ts'
import type { Marker } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { StoredRows } from './stored.ts'

/** With more confirmed events behind the rows a query waits for the writer. */
export const tailMax = 5_000
const sliceMs = 8

/** What a tab folds over the rows: the events behind them, and the rows that these touch. */
export class Overlay {
  /** Where the answers stand. */
  head: Marker = { database: '', revision: 0, confirmed: 0 }
  stored: StoredRows
  /** Changes when an answer may be another one. */
  stamp = 0
  /** The removal of data that the log has seen; absent before the first answer. */
  erasedAt: number | undefined
  readonly #call: ConsumerPorts['call']
  readonly #clock: Clock
  readonly #definitions: EventMap
  readonly #fold: RowsFold
  readonly #layout: Layout
  /** Confirmed events behind the rows, up to a position. */
  #tail: { readonly position: number; readonly step: Step }[] = []
  #position = 0
  #revision = 0
  #pending: Step[] = []
  /** Touched rows as they rest, behind the confirmed events, and behind all. */
  #base = new Map<string, Doc | undefined>()
  #confirmed = new Map<string, Doc | undefined>()
  #current = new Map<string, Doc | undefined>()
  /** How much of the tail, and of what is pending, is folded. */
  #foldedTail = 0
  #foldedPending = 0

  constructor(call: ConsumerPorts['call'], clock: Clock, definitions: EventMap, fold: RowsFold, layout: Layout) {
    this.#call = call
    this.#clock = clock
    this.#definitions = definitions
    this.#fold = fold
    this.#layout = layout
    this.stored = new StoredRows(call, layout, 0, { generation: 0, position: 0 })
  }

  /** The ids of rows that may be other than they rest. */
  get touched(): Iterable<string> {
    return this.#base.keys()
  }
  isTouched(id: string): boolean {
    return this.#base.has(id)
  }
  /** A touched row as it rests. */
  storedDoc(id: string): Doc | undefined {
    return this.#base.get(id)
  }
  doc(id: string): Doc | undefined {
    for (const docs of [this.#current, this.#confirmed]) if (docs.has(id)) return docs.get(id)
    return this.#base.get(id)
  }

  /** The rows that can be stood on: none where data was removed since. */
  standingOf(at: RowsCheckpoint): Standing {
    const isUsable = at.generation > 0 && (this.erasedAt ?? at.erasedAt) === at.erasedAt
    return isUsable ? at : { generation: 0, position: 0 }
  }

  /** Stands on other rows: what is known of the log behind them stays. */
  standOn({ n, at }: KeptCheckpoint): void {
    const standing = this.standingOf(at)
    const { generation, position } = this.stored.standing
    if (standing.generation === generation && standing.position === position) return
    this.stored = new StoredRows(this.#call, this.#layout, n, standing)
    const isBehind = standing.position < position || standing.position > this.#position
    if (isBehind) this.#forgetLog(standing.position)
    else this.#tail = this.#tail.filter((one) => one.position > standing.position)
    this.#forgetRows()
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#forgetLog(this.stored.standing.position)
    this.#forgetRows()
  }

  #forgetLog(position: number): void {
    this.#tail = []
    this.#position = position
    this.#revision = 0
    this.#pending = []
  }

  #forgetRows(): void {
    this.#base = new Map()
    this.#foldAnew()
    this.stamp++
  }

  #foldAnew(): void {
    this.#confirmed = new Map()
    this.#foldedTail = 0
    this.#foldPendingAnew()
  }

  #foldPendingAnew(): void {
    this.#current = new Map()
    this.#foldedPending = 0
  }

  /** Reads what is new in the log; not when it is too much, or when what is known can't be gone on from. Throws {@link Poison}. */
  async follow(seen: number | undefined): Promise<'ready' | 'long' | 'stale'> {
    const { scope, types } = this.#fold
    for (;;) {
      const request = { scope, types, position: this.#position, revision: this.#revision, seen }
      const answer = await this.#call((api) => api.changes(request))
      const isErased = this.erasedAt !== answer.erasedAt
      this.erasedAt = answer.erasedAt
      this.head = answer.head
      if (isErased || this.#position > answer.head.confirmed) return 'stale'
      await this.#takeTail(rawEventsIn(answer.confirmed))
      this.#position = answer.position
      if (this.#tail.length > tailMax) return 'long'
      if (answer.more) continue
      this.#takePending(JSON.parse(answer.pending), answer.pendingIs === 'all')
      this.#revision = answer.head.revision
      return 'ready'
    }
  }

  async #takeTail(events: readonly RawEvent[]): Promise<void> {
    const breathe = createBreather(this.#clock, sliceMs)
    for (const raw of events) {
      const step = this.#stepOf(raw[1], () => decodeEvent(this.#definitions, ...raw))
      this.#tail.push({ position: positionOf(raw), step })
      await breathe()
    }
    if (events.length > 0) this.stamp++
  }

  #takePending(events: readonly PlacedEvent[], isAll: boolean): void {
    if (events.length > 0 || (isAll && this.#pending.length > 0)) this.stamp++
    if (isAll) {
      this.#pending = []
      this.#foldPendingAnew()
    }
    for (const event of events)
      this.#pending.push(this.#stepOf(event, () => decodeEvent(this.#definitions, event, event)))
  }

  #stepOf(
    place: { readonly id: string; readonly position?: number | undefined },
    decode: () => readonly AnyEvent[],
  ): Step {
    try {
      return this.#fold.stepOf(decode())
    } catch (error) {
      throw error instanceof Poison ? error : new Poison(place, error)
    }
  }

  /** Brings the touched rows up to date. Throws {@link Moved} and {@link Poison}. */
  async fold(): Promise<void> {
    const steps = [...this.#tail.slice(this.#foldedTail).map(({ step }) => step), ...this.#pending]
    const missing = [...new Set(steps.flatMap(idsOf))].filter((id) => !this.#base.has(id))
    if (missing.length > 0) await this.#load(missing)
    const breathe = createBreather(this.#clock, sliceMs)
    if (this.#foldedTail < this.#tail.length) this.#foldPendingAnew()
    for (; this.#foldedTail < this.#tail.length; this.#foldedTail++) {
      this.#apply(this.#tail[this.#foldedTail]?.step ?? [], this.#confirmed)
      await breathe()
    }
    for (; this.#foldedPending < this.#pending.length; this.#foldedPending++) {
      this.#apply(this.#pending[this.#foldedPending] ?? [], this.#current)
      await breathe()
    }
  }

  #apply(step: Step, docs: Map<string, Doc | undefined>): void {
    for (const [id, doc] of this.#fold.rowsBehind(step, (id) => this.doc(id))) docs.set(id, doc)
  }

  async #load(ids: readonly string[]): Promise<void> {
    const isEmpty = this.stored.standing.generation === 0
    const texts = isEmpty ? [] : await this.stored.rows(ids)
    for (const [at, id] of ids.entries()) {
      const text = texts[at]
      this.#base.set(id, text === undefined ? undefined : this.#fold.read(text, id))
    }
  }
}
