import { decodeAll } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { jsonIssues } from '../core/json.ts'
import { createCell } from '../core/observable.ts'
import type { Marker, Receipt } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { foldEvents } from '../core/projection.ts'
import type { AnyScope, ChangesAnswer, ChangesRequest, Snapshot } from '../protocol/worker.ts'

/** Where a view gets its events from. */
export interface ChangeSource {
  readonly changes: (request: ChangesRequest) => Promise<ChangesAnswer>
  readonly getSnapshot: (key: string) => Promise<Snapshot | undefined>
  readonly putSnapshot: (key: string, snapshot: Snapshot) => Promise<void>
  /** Calls back when the log may have moved, with the revision it is known to have reached. */
  readonly onMoved: (listener: (revision: number | undefined) => void) => () => void
}

export interface ViewSpec<S> {
  /** Names the view's snapshot: another key for every name, version and scope. */
  readonly key: string
  readonly initial: S
  readonly on: Readonly<Record<string, ((state: S, event: never) => S) | undefined>>
  readonly scope: AnyScope
  /** Types that the fold has handlers for. */
  readonly types: readonly string[]
  readonly definitions: EventMap
}

/** A snapshot is saved after so many confirmed events. */
const snapshotEvery = 200

interface Shown<S> {
  readonly state: S
  /** What the state has seen of the log; absent before the first look. */
  readonly head?: Marker
  /** Why the view no longer follows the log. */
  readonly error?: unknown
}

/**
 * A fold that follows the log.
 *
 * confirmed e1 e2 e3 ─ state at 3, never folded again │ pending p1 p2 ─ folded on top, and dropped when the queue changes
 */
export class LiveView<S> {
  readonly ready: Promise<S>
  readonly #spec: ViewSpec<S>
  readonly #source: ChangeSource
  readonly #clock: Clock
  readonly #onEnd: () => void
  readonly #stopListening: () => void
  readonly #shown: ReturnType<typeof createCell<Shown<S>>>
  /** The state of the confirmed events up to the position. */
  #confirmed: S
  #position = 0
  #sinceSnapshot = 0
  #seen: number | undefined
  #isStale = true
  #isEnded = false
  #refreshing: Promise<void> | undefined

  constructor(spec: ViewSpec<S>, source: ChangeSource, clock: Clock, onEnd: () => void) {
    this.#spec = spec
    this.#source = source
    this.#clock = clock
    this.#onEnd = onEnd
    this.#confirmed = spec.initial
    this.#shown = createCell<Shown<S>>({ state: spec.initial })
    // Listening comes before the first look, so that nothing falls between.
    this.#stopListening = source.onMoved((revision) => {
      this.#seen = revision
      this.#isStale = true
      void this.#refresh()
    })
    this.#refreshing = this.#start()
    this.ready = this.#refreshing.then(() => this.#mustFollow())
    this.ready.catch(() => {})
  }

  readonly get = (): S => this.#shown.get().state
  readonly error = (): unknown => this.#shown.get().error
  readonly subscribe = (onChange: () => void): (() => void) => this.#shown.subscribe(onChange)
  readonly close = (): void => this.#end(new TidelogError('tidelog/log-closed', 'the view is closed'))

  /** Resolves once the view has folded what the receipt or marker has seen; rejects with `tidelog/timeout`. */
  readonly waitFor = async (
    seen: Receipt<unknown> | Marker,
    { timeoutMs }: { readonly timeoutMs?: number } = {},
  ): Promise<S> => {
    const marker = 'head' in seen ? seen.head : seen
    await this.ready
    mustBe(marker.database === this.#shown.get().head?.database, 'a marker', marker.database)
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        const { head, error } = this.#shown.get()
        if (error === undefined && (head?.revision ?? 0) < marker.revision) return
        stop()
        callOff()
        resolve()
      }
      const stop = this.subscribe(look)
      const giveUp = (): void => {
        stop()
        reject(new TidelogError('tidelog/timeout', `not reached in ${timeoutMs} ms`))
      }
      const callOff = timeoutMs === undefined ? () => {} : this.#clock.after(timeoutMs, giveUp)
      look()
      // The notice of the write may have been lost: then the worker has to look further than notices have told.
      this.#seen = marker.revision
      this.#isStale = true
      void this.#refresh()
    })
    return this.#mustFollow()
  }

  #mustFollow(): S {
    const { state, error } = this.#shown.get()
    if (error !== undefined) throw error
    return state
  }

  async #start(): Promise<void> {
    try {
      const snapshot = await this.#source.getSnapshot(this.#spec.key)
      // What can't be read throws here, before it is taken for a state.
      const state = snapshot && JSON.parse(snapshot.state).state
      if (snapshot !== undefined && state !== undefined) this.#restore(state, snapshot.position)
    } catch {
      this.#restore(this.#spec.initial, 0)
    }
    await this.#follow()
  }

  #restore(state: S, position: number): void {
    this.#confirmed = state
    this.#position = position
  }

  /** One at a time; what moves meanwhile is looked at before it ends. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#follow()
    return this.#refreshing
  }

  async #follow(): Promise<void> {
    try {
      while (this.#isStale && !this.#isEnded) {
        this.#isStale = false
        while (!(await this.#take()));
      }
    } catch (error) {
      this.#end(error)
    }
    this.#refreshing = undefined
  }

  /** Asks for what is new and folds it; true when nothing more waits. */
  async #take(): Promise<boolean> {
    const { head: before, state } = this.#shown.get()
    const seen = this.#seen
    const { scope, types, definitions } = this.#spec
    const { head, confirmed, position, more, pendingIs, pending } = await this.#source.changes({
      scope,
      types,
      position: this.#position,
      revision: before?.revision ?? 0,
      seen,
    })
    if (this.#isEnded) return true
    if (this.#position > head.confirmed) {
      // The snapshot lies beyond the log, so it is not this log's.
      this.#restore(this.#spec.initial, 0)
      return false
    }
    const events = decodeAll(definitions, confirmed)
    this.#restore(foldEvents(this.#spec.on, this.#confirmed, events), position)
    this.#sinceSnapshot += events.length
    if (more) return false
    const below = pendingIs === 'all' ? this.#confirmed : state
    this.#shown.set({ state: foldEvents(this.#spec.on, below, decodeAll(definitions, pending)), head })
    if (this.#sinceSnapshot >= snapshotEvery) this.#save()
    return true
  }

  /** Saves the state, unless JSON would change it. A snapshot that is not saved costs a longer fold, nothing else. */
  #save(): void {
    this.#sinceSnapshot = 0
    const state = this.#confirmed
    if (jsonIssues(state).length > 0) return
    const snapshot = { position: this.#position, state: JSON.stringify({ state }) }
    this.#source.putSnapshot(this.#spec.key, snapshot).catch(() => {})
  }

  /** The view keeps its last state and says why it stopped. */
  #end(error: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    this.#onEnd()
    this.#shown.set({ ...this.#shown.get(), error })
  }
}
