import { mustBe } from '../src/core/errors.ts'
import type { Clock } from '../src/core/ports.ts'
import type { SyncLimits } from './options.ts'
import { type SealContext, sealNext } from './seal.ts'
import type { LogStore } from './store.ts'
import { createStreamVersions } from './stream-versions.ts'

/** Seals the old parts of logs into segments, in the background: one log at a time, beside the requests. */
export interface Sealer {
  /** Hears where a log ends; called when it may have grown. */
  readonly look: (log: string, head: number) => void
  readonly stop: () => void
}

/** What a sealer shares with the requests. */
export interface SealerOptions {
  readonly store: LogStore
  readonly limits: SyncLimits
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Logs of which it is remembered when there is something to seal. */
const prospectsMax = 10_000

export function createSealer({ store, limits, clock, onError }: SealerOptions): Sealer {
  const { segments } = store
  // An empty segment would be followed by another one, without end.
  mustBe(limits.segmentEvents >= 1, 'segmentEvents', limits.segmentEvents)
  if (segments === undefined) return { look: () => {}, stop: () => {} }
  /** Where the logs end that are to be sealed, in the order in which they get their turn. */
  const waiting = new Map<string, number>()
  /** Where a log has to end before it is worth a look. */
  const prospects = new Map<string, number>()
  const abort = new AbortController()
  let isRunning = false
  const pause = async (): Promise<void> => {
    await new Promise<void>((resolve) => void clock.after(0, resolve))
    abort.signal.throwIfAborted()
  }
  const context: SealContext = { store, segments, limits, pause, versions: createStreamVersions(segments, pause) }

  const expect = (log: string, from: number): void => {
    if (prospects.size >= prospectsMax) prospects.clear()
    prospects.set(log, from)
  }
  const turn = async (log: string, head: number): Promise<void> => {
    try {
      await pause()
      const prospect = await sealNext(log, context)
      expect(log, prospect.from)
      if (prospect.head >= prospect.from) waiting.set(log, prospect.head)
    } catch (error) {
      if (abort.signal.aborted) return
      // Tried again only when there is more to gain: a store that is full would be asked with every push.
      expect(log, head + limits.segmentBehind)
      onError(error)
    }
  }
  const run = async (): Promise<void> => {
    if (isRunning) return
    isRunning = true
    for (const [log, head] of waiting) {
      waiting.delete(log)
      await turn(log, head)
      if (abort.signal.aborted) return
    }
    isRunning = false
  }
  return {
    look: (log, head) => {
      if (abort.signal.aborted || head < (prospects.get(log) ?? limits.segmentEvents + limits.segmentBehind)) return
      waiting.set(log, head)
      void run()
    },
    stop: () => abort.abort(),
  }
}
