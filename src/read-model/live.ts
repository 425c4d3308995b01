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
  readonly ask: (seen: number | undefined) => Promise<T>
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
  let seen: number | undefined
  let isDue = false
  let isClosed = false
  let running: Promise<void> | undefined
  const once = async (): Promise<void> => {
    const asked = seen
    try {
      const answer = await ask(asked)
      const before = shown.get()
      const isNew = before.answer === undefined || !isSame(before.answer, answer)
      if (!isClosed && (isNew || before.error !== undefined)) shown.set({ answer: isNew ? answer : before.answer })
    } catch (error) {
      if (!isClosed) shown.set({ answer: shown.get().answer, error })
    }
  }
  const run = async (): Promise<void> => {
    while (isDue && !isClosed) {
      isDue = false
      await once()
    }
    running = undefined
  }
  const look = (revision?: number): Promise<void> => {
    seen = revision
    isDue = true
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
