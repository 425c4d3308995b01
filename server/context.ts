import { definitionsOf, type EventMap } from '../src/core/event.ts'
import type { Clock } from '../src/core/ports.ts'
import type { CheckContext } from './check.ts'
import { createEraser, type Eraser } from './eraser.ts'
import { type Observe, observedStore, quietObserver } from './observe.ts'
import { defaultLimits, type SyncHandlerOptions, type SyncLimits, systemClock } from './options.ts'
import { PushQueue } from './push-queue.ts'
import { createRate, type Rate } from './rate.ts'
import { createSealer, type Sealer } from './sealer.ts'
import type { LogStore, RangeLimits } from './store.ts'

/** What all requests to one handler share. */
export interface HandlerContext {
  readonly store: LogStore
  readonly definitions: EventMap | undefined
  readonly authorizeCommit: CheckContext['authorizeCommit']
  readonly validate: CheckContext['validate']
  readonly limits: SyncLimits
  readonly pageLimits: RangeLimits
  /** Of a page in a live stream. */
  readonly livePageLimits: RangeLimits
  readonly pushes: PushQueue
  readonly rate: Rate
  readonly sealer: Sealer
  readonly eraser: Eraser
  readonly clock: Clock
  /** Answers depend on who asks: no cache may share them. */
  readonly isPrivate: boolean
  /** Never throws. */
  readonly onError: (error: unknown, requestId?: string) => void
  /** Never throws; absent where nobody listens. */
  readonly observe: Observe | undefined
}

export function toContext<M extends EventMap>(options: SyncHandlerOptions<M>): HandlerContext {
  const { model, authorizeCommit, validate, clock = systemClock } = options
  const limits = { ...defaultLimits, ...options.limits }
  const onError = quietly(options.onError ?? ((error) => console.error(error)))
  const observe = options.observe && quietObserver(options.observe, onError)
  const store = observe === undefined ? options.store : observedStore(options.store, observe)
  const pageLimits = { commitsMax: limits.pageCommitsMax, bytesMax: limits.pageBytesMax }
  return {
    store,
    definitions: model === undefined ? undefined : definitionsOf(model.events),
    authorizeCommit,
    validate,
    limits,
    pageLimits,
    livePageLimits: {
      commitsMax: limits.pageCommitsMax,
      bytesMax: Math.min(limits.pageBytesMax, limits.liveBytesMax),
    },
    pushes: new PushQueue({ store, limits, pageLimits, clock, observe }),
    rate: createRate({ perSecond: limits.requestsPerSecond, burst: limits.requestsBurst, clock }),
    sealer: createSealer({ store, limits, clock, onError }),
    eraser: createEraser({ store, clock, onError }),
    clock,
    isPrivate: options.authenticate !== undefined || options.tenantOf !== undefined,
    onError,
    observe,
  }
}

/** What must not throw, whatever the application does in it. */
export const quietly =
  (onError: Exclude<SyncHandlerOptions<EventMap>['onError'], undefined>): HandlerContext['onError'] =>
  (error, requestId) => {
    try {
      onError(error, { requestId })
    } catch {
      // The answer matters more than the report of it.
    }
  }
