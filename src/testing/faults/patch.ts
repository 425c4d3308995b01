/** Ends a fault. */
export type Undo = () => void

/** What was put in place of something else, and can be taken back. */
export interface Patches {
  /** Puts a value in the place of a property; `make` gets what was there. */
  readonly put: <T extends object, K extends keyof T>(target: T, name: K, make: (before: T[K]) => T[K]) => void
  readonly restore: Undo
}

export function createPatches(): Patches {
  const undo: Undo[] = []
  return {
    put: (target, name, make) => {
      const before = Object.getOwnPropertyDescriptor(target, name)
      const value = make(target[name])
      Object.defineProperty(target, name, { value, configurable: true, writable: true })
      undo.push(() => {
        if (before === undefined) Reflect.deleteProperty(target, name)
        else Object.defineProperty(target, name, before)
      })
    },
    restore: () => {
      for (const one of undo.splice(0).reverse()) one()
    },
  }
}

/** Values that are in force until each is undone; the last one counts. */
export interface Force<T> {
  readonly now: () => T | undefined
  readonly add: (value: T) => Undo
  readonly clear: Undo
}

export function createForce<T>(onUndo: () => void = () => {}): Force<T> {
  const all: { readonly value: T }[] = []
  const clear = (): void => {
    all.length = 0
    onUndo()
  }
  return {
    now: () => all.at(-1)?.value,
    add: (value) => {
      const one = { value }
      all.push(one)
      return () => {
        const at = all.indexOf(one)
        if (at < 0) return
        all.splice(at, 1)
        onUndo()
      }
    },
    clear,
  }
}
