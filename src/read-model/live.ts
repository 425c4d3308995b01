import { TidelogError } from '../core/errors.ts'
import { createCell, type Observable } from '../core/observable.ts'

/** A query that follows the log: the same answer until another one is true. */
export interface LiveQuery<T> extends Observable<T | undefined> {
  /** The first answer. */
  readonly ready: Promise<T>
  /** Why it no longer follows the log, if so; a parked model comes back by itself. */
  readonly error: () => unknown
  readonly close: () => void
}

interface Source<T> {
  /** Asks again; `seen` is a revision that was told of. */
  readonly ask: (seen: number) => Promise<T>
  /** Whether two answers are the same to whoever looks. */
  readonly isSame: (a: T, b: T) => boolean
  readonly onMoved: (listener: (moved?: { readonly head: number }) => void) => () => void
}

export interface OwnLiveQuery<T> extends LiveQuery<T> {
  readonly look: () => void
}

/** Asks whenever the log may have moved; one question at a time, and what moves meanwhile belongs to the next. */
export function createLiveQuery<T>({ ask, isSame, onMoved }: Source<T>, onEnd: () => void): OwnLiveQuery<T> {
  const shown = createCell<{ readonly answer: T | undefined; readonly error?: unknown }>({ answer: undefined })
  /** The furthest revision that was told of and not asked for yet; `Infinity` where it may have moved. */
  let due: number | undefined
  let isClosed = false
  let running: Promise<void> | undefined
  const once = async (seen: number): Promise<void> => {
    try {
      const answer = await ask(seen)
      const before = shown.get()
      const isNew = before.answer === undefined || !isSame(before.answer, answer)
      if (!isClosed && (isNew || before.error !== undefined)) shown.set({ answer: isNew ? answer : before.answer })
    } catch (error) {
      if (!isClosed) shown.set({ answer: shown.get().answer, error })
    }
  }
  const run = async (): Promise<void> => {
    while (due !== undefined && !isClosed) {
      const seen = due
      due = undefined
      await once(seen)
    }
    running = undefined
  }
  const look = (revision = Infinity): Promise<void> => {
    // A notice may come late: what an earlier one told of stays due.
    due = Math.max(due ?? 0, revision)
    running ??= run()
    return running
  }
  const stop = onMoved((moved) => void look(moved?.head))
  const close = (): void => {
    if (isClosed) return
    isClosed = true
    stop()
    onEnd()
    shown.set({ answer: shown.get().answer, error: new TidelogError('tidelog/log-closed', 'the query is closed') })
  }
  const ready = look().then(() => {
    const { answer, error } = shown.get()
    if (answer === undefined) throw error
    return answer
  })
  ready.catch(() => {})
  return {
    get: () => shown.get().answer,
    error: () => shown.get().error,
    subscribe: shown.subscribe,
    ready,
    look: () => void look(),
    close,
  }
}
