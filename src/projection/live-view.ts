import { decodeAll, decodeText } from '../core/decode.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { jsonIssues } from '../core/json.ts'
import { type Cell, createCell, type Observable } from '../core/observable.ts'
import type { Marker, Receipt } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { foldEvents } from '../core/projection.ts'
import type { Selectable } from '../core/query.ts'
import type { AnyScope, WorkerApi } from '../protocol/worker.ts'

/** What a view asks of the worker. */
export type ViewApi = Pick<WorkerApi, 'changes' | 'getSnapshot' | 'putSnapshot'>

/** Where a view gets its events from. */
export interface ChangeSource {
  readonly call: <T>(use: (api: ViewApi) => Promise<T>) => Promise<T>
  /** Calls back when the log may have moved, with the revision it is known to have reached. */
  readonly onMoved: (listener: (revision: number | undefined) => void) => () => void
}

export interface ViewSpec<S> {
  /** Names the view's snapshot: another key for every name, version and scope. */
  readonly key: string
  readonly initial: S
  readonly on: Readonly<Record<string, ((state: S, event: never) => S) | undefined>>
  /** Where to look, and under which types: those that the fold has handlers for, and those that became them. */
  readonly scope: AnyScope
  readonly types: readonly string[]
  /** Whether what was found is of the scope. */
  readonly isAsked: (event: Selectable) => boolean
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

export interface LiveView<S> extends Observable<S> {
  readonly ready: Promise<S>
  readonly error: () => unknown
  readonly close: () => void
  /** Resolves once the view has folded what the receipt or marker has seen; rejects with `tidelog/timeout`. */
  readonly waitFor: (seen: Receipt<unknown> | Marker, options?: { readonly timeoutMs?: number }) => Promise<S>
}

/**
 * A fold that follows the log.
 *
 * confirmed e1 e2 e3 ─ state at 3, never folded again │ pending p1 p2 ─ folded on top, and dropped when the queue changes
 */
export function createLiveView<S>(
  spec: ViewSpec<S>,
  source: ChangeSource,
  clock: Clock,
  onEnd: () => void,
): LiveView<S> {
  const shown = createCell<Shown<S>>({ state: spec.initial })
  /** The view keeps its last state and says why it stopped. */
  const end = (error: unknown): void => {
    if (isEnded(shown)) return
    stopListening()
    onEnd()
    shown.set({ ...shown.get(), error })
  }
  const look = createFollower(spec, source, shown, end)
  // Listening comes before the first look, so that nothing falls between.
  const stopListening = source.onMoved(look)
  const mustFollow = (): S => {
    const { state, error } = shown.get()
    if (error !== undefined) throw error
    return state
  }
  const ready = look(undefined).then(mustFollow)
  ready.catch(() => {})
  return {
    ready,
    get: () => shown.get().state,
    error: () => shown.get().error,
    subscribe: shown.subscribe,
    close: () => end(new TidelogError('tidelog/log-closed', 'the view is closed')),
    waitFor: async (seen, { timeoutMs } = {}) => {
      const marker = 'head' in seen ? seen.head : seen
      await ready
      mustBe(marker.database === shown.get().head?.database, 'a marker', marker.database)
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          const { head, error } = shown.get()
          if (error === undefined && (head?.revision ?? 0) < marker.revision) return
          stop()
          callOff?.()
          resolve()
        }
        const stop = shown.subscribe(check)
        const giveUp = (): void => {
          stop()
          reject(new TidelogError('tidelog/timeout', `${timeoutMs} ms are over`))
        }
        const callOff = timeoutMs === undefined ? undefined : clock.after(timeoutMs, giveUp)
        check()
        // The notice of the write may have been lost: then the worker has to look further than notices have told.
        void look(marker.revision)
      })
      return mustFollow()
    },
  }
}

const isEnded = (shown: { readonly get: () => object }): boolean => 'error' in shown.get()

async function loadSnapshot<S>(
  key: string,
  call: ChangeSource['call'],
): Promise<readonly [state: S, position: number, revision: number] | undefined> {
  const snapshot = await call((api) => api.getSnapshot(key))
  const state = snapshot && JSON.parse(snapshot.state).state
  return snapshot && state !== undefined ? [state, snapshot.position, snapshot.revision] : undefined
}

/** Saves a state, unless JSON would change it. A snapshot that is not saved costs a longer fold, nothing else. */
function saveSnapshot(
  key: string,
  call: ChangeSource['call'],
  state: unknown,
  position: number,
  revision: number,
): void {
  if (jsonIssues(state).length > 0) return
  const snapshot = { position, state: JSON.stringify({ state }), revision }
  call((api) => api.putSnapshot(key, snapshot)).catch(() => {})
}

/** Folds what is new into `shown` whenever it is called; one run at a time, and what moves meanwhile belongs to it. */
function createFollower<S>(
  { key, initial, on, scope, types, isAsked, definitions }: ViewSpec<S>,
  { call }: ChangeSource,
  shown: Cell<Shown<S>>,
  end: (error: unknown) => void,
): (seen: number | undefined) => Promise<void> {
  /** The state of the confirmed events up to the position. */
  let confirmed = initial
  let position = 0
  /** Where the log was when it was looked at last. */
  let foldedAt = 0
  let sinceSnapshot = 0
  /** The furthest revision that was told of and not looked for yet, since notices come late at times; `Infinity`: any. */
  let due: number | undefined
  let following: Promise<void> | undefined
  /** Asks for what is new and folds it; true when nothing more waits. */
  const take = async (seen: number): Promise<boolean> => {
    const { head: before, state } = shown.get()
    const request = { scope, types, position, revision: before?.revision ?? 0, seen }
    const answer = await call((api) => api.changes(request))
    if (isEnded(shown)) return true
    const isOther = before !== undefined && before.database !== answer.head.database
    if (isOther) shown.set({ state })
    const isVoid = isOther || position > (answer.erasedAt > foldedAt ? 0 : answer.head.confirmed)
    foldedAt = answer.head.revision
    if (isVoid) {
      // The snapshot lies beyond the log, so it is not this log's; or what was folded is to be forgotten.
      confirmed = initial
      position = 0
      return false
    }
    const events = decodeText(definitions, answer.confirmed).filter(isAsked)
    confirmed = foldEvents(on, confirmed, events)
    sinceSnapshot += events.length
    position = answer.position
    if (answer.more) return false
    const below = answer.pendingIs === 'all' ? confirmed : state
    const pending = decodeAll(definitions, JSON.parse(answer.pending)).filter(isAsked)
    shown.set({ state: foldEvents(on, below, pending), head: answer.head })
    if (sinceSnapshot >= snapshotEvery) {
      sinceSnapshot = 0
      saveSnapshot(key, call, confirmed, position, foldedAt)
    }
    return true
  }
  // What can't be read is not taken for a state: everything is folded again.
  const restored = loadSnapshot<S>(key, call)
    .then((found) => {
      if (found) [confirmed, position, foldedAt] = found
    })
    .catch(() => {})
  const follow = async (): Promise<void> => {
    try {
      await restored
      while (due !== undefined && !isEnded(shown)) {
        const seen = due
        due = undefined
        while (!(await take(seen)));
      }
    } catch (error) {
      end(error)
    }
    following = undefined
  }
  return (revision = Infinity) => {
    due = Math.max(due ?? 0, revision)
    following ??= follow()
    return following
  }
}
