import type { Verdict } from '../src/protocol/sync.ts'
import type { LogStore } from './store.ts'
import { type StoreCall, wrapStore } from './wrap-store.ts'

/** What is at an address of the endpoint. */
type RouteName = 'push' | 'pull' | 'live' | 'segments'

/** A request was answered; of a live stream, its beginning. */
export interface RequestEvent {
  readonly type: 'request'
  /** As whoever received the request named it. */
  readonly requestId: string | undefined
  /** Absent where the address is none of the endpoint's. */
  readonly route: RouteName | undefined
  /** A pull that was held back until there was something. */
  readonly isWaiting: boolean
  readonly method: string
  /** As clients call it. */
  readonly log: string | undefined
  /** Id of the actor. */
  readonly actor: string | undefined
  readonly status: number
  /** The end of the problem's `type`, such as `too-many-requests`. */
  readonly problem: string | undefined
  readonly durationMs: number
}

/** A push was judged. */
export interface PushEvent {
  readonly type: 'push'
  readonly requestId: string | undefined
  readonly log: string
  /** `diverged` and `pull-first` judge nothing. */
  readonly outcome: 'verdicts' | 'pull-first' | 'diverged'
  readonly verdicts: Readonly<Record<Verdict['verdict'], number>>
}

/** The store has taken commits of a push. */
export interface AppendEvent {
  readonly type: 'append'
  readonly log: string
  readonly commits: number
  readonly events: number
}

/** Somebody waits for a log to grow, or does so no longer. */
export interface WaitEvent {
  readonly type: 'wait-began' | 'wait-ended'
  readonly requestId: string | undefined
  /** A live stream, or a pull that waits. */
  readonly route: 'live' | 'pull'
}

/** The store has told that a log has grown for which somebody waits. */
export interface WakeEvent {
  readonly type: 'wake'
}

/** A call of the store has ended. */
export interface StoreCallEvent {
  readonly type: 'store-call'
  readonly call: StoreCall
  readonly durationMs: number
  /** What it rejected with. */
  readonly error?: unknown
}

/** What a handler tells of its work: names and numbers, never what is in a commit. */
export type SyncEvent = RequestEvent | PushEvent | AppendEvent | WaitEvent | WakeEvent | StoreCallEvent

/** Hears of a handler's work, in the middle of it: it should return at once. */
export type Observe = (event: SyncEvent) => void

/** An observer that throws is reported, and disturbs nobody. */
export const quietObserver =
  (observe: Observe, onError: (error: unknown) => void): Observe =>
  (event) => {
    try {
      observe(event)
    } catch (error) {
      onError(error)
    }
  }

/** The same store; each call, and each wake, is told of. */
export function observedStore(store: LogStore, observe: Observe): LogStore {
  const wrapped = wrapStore(store, async (call, run) => {
    const startedAt = performance.now()
    const tell = (more: { readonly error?: unknown }): void =>
      observe({ type: 'store-call', call, durationMs: performance.now() - startedAt, ...more })
    try {
      const result = await run()
      tell({})
      return result
    } catch (error) {
      tell({ error })
      throw error
    }
  })
  const watch: LogStore['watch'] = (log, listener) =>
    store.watch(log, (head) => {
      observe({ type: 'wake' })
      listener(head)
    })
  return { ...wrapped, watch }
}

/** How many there are of each verdict. */
export function countVerdicts(verdicts: readonly Verdict[]): PushEvent['verdicts'] {
  const counts = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, held: 0 }
  for (const { verdict } of verdicts) counts[verdict]++
  return counts
}
