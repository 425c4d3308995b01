import { createBreather } from '../src/core/breather.ts'
import type { Clock } from '../src/core/ports.ts'
import { eraseIn, scan } from './erase.ts'
import type { LogStore } from './store.ts'

/** Carries out the erasures of logs, in the background: one log at a time, beside the requests. */
export interface Eraser {
  /** Hears where a log ends; called when it may have grown. */
  readonly look: (log: string, head: number) => void
  readonly stop: () => void
}
export interface EraserOptions {
  readonly store: LogStore
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Logs of which it is remembered how far they were looked through. */
const logsMax = 10_000
/** What could not be done is tried again after so long. */
const againMs = 60_000
/** A request waits no longer than this for what is erased beside it. */
const breathMs = 8

export function createEraser({ store, clock, onError }: EraserOptions): Eraser {
  const { erasures } = store
  if (erasures === undefined) return { look: () => {}, stop: () => {} }
  const seen = new Map<string, number>()
  const waiting = new Map<string, number>()
  const abort = new AbortController()
  let isRunning = false
  const turn = async (log: string, head: number): Promise<void> => {
    const breathe = createBreather(clock, breathMs)
    const pause = async (): Promise<void> => {
      await breathe()
      abort.signal.throwIfAborted()
    }
    const after = seen.get(log) ?? (await erasures.through(log))
    const due = await scan(store, log, after, pause)
    if (due.erasures.length > 0) await eraseIn({ store, erasures, pause }, log, due)
    if (seen.size >= logsMax) seen.clear()
    seen.set(log, Math.max(head, due.through))
  }
  const look = (log: string, head: number): void => {
    if (abort.signal.aborted || head <= (seen.get(log) ?? 0)) return
    waiting.set(log, head)
    void run()
  }
  const run = async (): Promise<void> => {
    if (isRunning) return
    isRunning = true
    for (const [log, head] of waiting) {
      waiting.delete(log)
      await turn(log, head).catch((error: unknown) => {
        if (abort.signal.aborted) return
        onError(error)
        clock.after(againMs, () => look(log, head))
      })
      if (abort.signal.aborted) return
    }
    isRunning = false
  }
  return { look, stop: () => abort.abort() }
}
