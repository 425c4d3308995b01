import { decodeEvent } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Marker } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { foldEvents } from '../core/projection.ts'
import type { Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, Snapshot } from '../protocol/worker.ts'
import { parseSnapshot, snapshotText } from './snapshot.ts'

/** Where a view gets its events from. */
export interface ChangeSource {
  readonly changes: (request: ChangesRequest) => Promise<ChangesAnswer>
  readonly getSnapshot: (key: string) => Promise<Snapshot | undefined>
  readonly putSnapshot: (key: string, snapshot: Snapshot) => Promise<void>
  /** Calls back when the log may have moved, with the revision it is known to have reached. */
  readonly onMoved: (listener: (revision: number | undefined) => void) => () => void
}

export type AnyFold<S> = Readonly<Record<string, ((state: S, event: never) => S) | undefined>>

export interface ViewSpec<S> {
  /** Names the view's snapshot: another key for every name, version and scope. */
  readonly key: string
  readonly initial: S
  readonly on: AnyFold<S>
  readonly selectors: readonly Selector[]
  readonly definitions: EventMap
}

/** A snapshot is saved after so many confirmed events. */
const snapshotEvery = 200

interface Waiter {
  readonly revision: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * A fold that follows the log.
 *
 * confirmed e1 e2 e3 ─ state at 3, never folded again │ pending p1 p2 ─ folded on top, and dropped when the queue changes
 */
export class LiveView<S> {
  readonly #spec: ViewSpec<S>
  readonly #source: ChangeSource
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()
  readonly #stopListening: () => void
  #waiters: Waiter[] = []
  #confirmed: S
  #state: S
  #position = 0
  #head: Marker | undefined
  #sinceSnapshot = 0
  #seen: number | undefined
  #isRefreshing = false
  #isStale = true
  #isClosed = false
  #error: unknown
  readonly ready: Promise<S>

  constructor(spec: ViewSpec<S>, source: ChangeSource, clock: Clock) {
    this.#spec = spec
    this.#source = source
    this.#clock = clock
    this.#confirmed = spec.initial
    this.#state = spec.initial
    // Listening comes before the first look, so that nothing falls between.
    this.#stopListening = source.onMoved((revision) => this.#moved(revision))
    this.ready = this.#start()
    this.ready.catch(() => {})
  }

  get(): S {
    return this.#state
  }

  error(): unknown {
    return this.#error
  }

  subscribe(onChange: () => void): () => void {
    const listener = (): void => onChange()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async waitFor(seen: Marker, timeoutMs: number | undefined): Promise<S> {
    await this.ready
    mustBe(seen.database === this.#head?.database, 'the marker is of another database')
    if (this.#head.revision < seen.revision) await this.#waitUntil(seen.revision, timeoutMs)
    return this.#state
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopListening()
    this.#settle(new TidelogError('tidelog/log-closed', 'the view is closed'))
  }

  async #start(): Promise<S> {
    const saved = await this.#source.getSnapshot(this.#spec.key).catch(() => undefined)
    const snapshot = saved === undefined ? undefined : parseSnapshot<S>(saved)
    if (snapshot !== undefined) {
      this.#confirmed = snapshot.state
      this.#position = snapshot.position
    }
    await this.#refresh()
    if (this.#error !== undefined) throw this.#error
    return this.#state
  }

  #moved(revision: number | undefined): void {
    this.#seen = revision
    this.#isStale = true
    if (this.#head !== undefined) void this.#refresh()
  }

  /** One at a time; what moves meanwhile is looked at before it ends. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    try {
      while (this.#isStale && !this.#isClosed) {
        this.#isStale = false
        await this.#take()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isRefreshing = false
    }
  }

  async #take(): Promise<void> {
    for (;;) {
      const seen = this.#seen
      const answer = await this.#source.changes({
        selectors: this.#spec.selectors,
        position: this.#position,
        revision: this.#head?.revision ?? 0,
        ...(seen === undefined ? {} : { seen }),
      })
      if (this.#isClosed) return
      if (this.#position > answer.head.confirmed) this.#restart()
      else if (this.#fold(answer)) return this.#publish(answer.head)
    }
  }

  /** The snapshot lies beyond the log: it is not this log's, so everything is folded again. */
  #restart(): void {
    this.#confirmed = this.#spec.initial
    this.#position = 0
    this.#head = undefined
  }

  /** Takes an answer; true when it reaches the end. */
  #fold(answer: ChangesAnswer): boolean {
    const confirmed = this.#decode(answer.confirmed)
    this.#confirmed = foldEvents(this.#spec.on, this.#confirmed, confirmed)
    this.#position = answer.position
    this.#sinceSnapshot += confirmed.length
    if (answer.more) return false
    const below = answer.pendingIs === 'all' ? this.#confirmed : this.#state
    this.#state = foldEvents(this.#spec.on, below, this.#decode(answer.pending))
    return true
  }

  #decode(text: string): readonly { readonly type: string }[] {
    const placed: readonly PlacedEvent[] = JSON.parse(text)
    return placed.map((one) => decodeEvent(this.#spec.definitions, one))
  }

  #publish(head: Marker): void {
    this.#head = head
    const done = this.#waiters.filter(({ revision }) => revision <= head.revision)
    this.#waiters = this.#waiters.filter(({ revision }) => revision > head.revision)
    for (const { resolve } of done) resolve()
    for (const listener of [...this.#listeners]) listener()
    if (this.#sinceSnapshot >= snapshotEvery) this.#save()
  }

  #save(): void {
    const state = snapshotText(this.#confirmed)
    this.#sinceSnapshot = 0
    if (state === undefined) return
    // A snapshot that is not saved costs a longer fold, nothing else.
    this.#source.putSnapshot(this.#spec.key, { position: this.#position, state }).catch(() => {})
  }

  /** A fold or the log failed: the view keeps its last state and says why it stopped. */
  #fail(error: unknown): void {
    this.#error = error
    this.#isClosed = true
    this.#stopListening()
    this.#settle(error)
    for (const listener of [...this.#listeners]) listener()
  }

  #settle(error: unknown): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(error)
  }

  #waitUntil(revision: number, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(this.#error ?? new TidelogError('tidelog/log-closed', 'the view is closed'))
      const late = new TidelogError('tidelog/timeout', `the view did not reach the marker within ${timeoutMs} ms`)
      const callOff = timeoutMs === undefined ? () => {} : this.#clock.after(timeoutMs, () => waiter.reject(late))
      const waiter: Waiter = {
        revision,
        resolve: () => {
          callOff()
          resolve()
        },
        reject: (error) => {
          callOff()
          this.#waiters = this.#waiters.filter((one) => one !== waiter)
          reject(error)
        },
      }
      this.#waiters.push(waiter)
      this.#moved(revision)
    })
  }
}
