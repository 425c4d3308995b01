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

/** Listeners, each with an end of its own, so that one function may listen twice. */
export interface Listeners<A extends readonly unknown[]> {
  readonly add: (listener: (...args: A) => void) => () => void
  readonly tell: (...args: A) => void
}

export function createListeners<A extends readonly unknown[]>(): Listeners<A> {
  const all = new Set<(...args: A) => void>()
  return {
    add: (listener) => {
      const own = (...args: A): void => listener(...args)
      all.add(own)
      return () => {
        all.delete(own)
      }
    },
    tell: (...args) => {
      for (const listener of [...all]) listener(...args)
    },
  }
}

/** A cell that tells its subscribers when it is set to another value. */
export function createCell<T>(initial: T): Cell<T> {
  let current = initial
  const listeners = createListeners<[]>()
  return {
    get: () => current,
    set: (value) => {
      if (value === current) return
      current = value
      listeners.tell()
    },
    subscribe: listeners.add,
  }
}
