/** A value that can be read at any time and says when it has changed. */
export interface Observable<T> {
  readonly get: () => T
  /** Calls back after each change; the returned function ends it. */
  readonly subscribe: (onChange: () => void) => () => void
}

/** An {@link Observable} and the way to change it. */
export interface Cell<T> extends Observable<T> {
  readonly set: (value: T) => void
}

/** A cell that tells its subscribers when it is set to another value. */
export function createCell<T>(initial: T): Cell<T> {
  let current = initial
  const listeners = new Set<() => void>()
  return {
    get: () => current,
    set: (value) => {
      if (Object.is(value, current)) return
      current = value
      for (const listener of [...listeners]) listener()
    },
    subscribe: (onChange) => {
      const listener = (): void => onChange()
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
