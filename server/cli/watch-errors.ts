import type { Observe } from '../observe.ts'
import { isStoreError } from '../store-error.ts'
import type { Logger } from './logger.ts'

/** A store that is away is told of this often, however many requests meet it. */
const againMs = 10_000

/** Tells of errors: each that is a fault of ours, but of a store that is away once, now and then, and when it is back. */
export function createErrorLog(logger: Logger): {
  readonly onError: (error: unknown, about?: { readonly requestId: string | undefined }) => void
  readonly observe: Observe
  /** A connection broke beside the calls; it is made again by itself. */
  readonly onBroken: (error: unknown) => void
} {
  let toldAt = Number.NEGATIVE_INFINITY
  let awayAt: number | undefined
  let untold = 0
  const onError = (error: unknown, { requestId }: { readonly requestId?: string | undefined } = {}): void => {
    if (!isStoreError(error)) {
      logger.error('unexpected error', { requestId, error })
      return
    }
    const now = performance.now()
    if (now - toldAt < againMs) {
      untold++
      return
    }
    logger.error('the store can not be used', { requestId, failure: error.failure, untold: untold || undefined, error })
    toldAt = now
    untold = 0
  }
  const observe: Observe = (event) => {
    if (event.type !== 'store-call') return
    if (isStoreError(event.error)) awayAt ??= performance.now()
    if (event.error !== undefined || awayAt === undefined) return
    logger.info('the store answers again', { afterMs: Math.round(performance.now() - awayAt) })
    awayAt = undefined
    toldAt = Number.NEGATIVE_INFINITY
  }
  let brokenAt = Number.NEGATIVE_INFINITY
  const onBroken = (error: unknown): void => {
    // When a database goes away, all connections break at once.
    if (performance.now() - brokenAt < againMs) return
    brokenAt = performance.now()
    logger.warn('a connection to the store broke', { error })
  }
  return { onError, observe, onBroken }
}
