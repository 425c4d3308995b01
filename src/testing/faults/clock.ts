import type { Patches, Undo } from './patch.ts'

export interface ClockFaults {
  /** Sets `Date` of this realm forward by so much, or back. Timers and `performance.now()` go on as before. */
  readonly jump: (ms: number) => Undo
}

export function clockFaults(realm: typeof globalThis, patches: Patches): ClockFaults & { readonly clear: Undo } {
  let offset = 0
  patches.put(realm, 'Date', (Before) => {
    const now = (): number => Before.now() + offset
    const date = new Proxy(Before, {
      construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
      apply: (target) => new target(now()).toString(),
      get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    })
    return date
  })
  return {
    jump: (ms) => {
      offset += ms
      let isUndone = false
      return () => {
        if (!isUndone) offset -= ms
        isUndone = true
      }
    },
    clear: () => {
      offset = 0
    },
  }
}
