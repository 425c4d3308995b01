/** The listeners of a store, by log. */
export interface Watchers {
  readonly logs: () => Iterable<string>
  readonly add: (log: string, listener: (head: number) => void) => () => void
  readonly notify: (log: string, head: number) => void
}

/** `onChange` hears whether anybody watches at all, so that a store polls only then. */
export function createWatchers(onChange: (watched: boolean) => void = () => {}): Watchers {
  const byLog = new Map<string, Set<(head: number) => void>>()
  const add = (log: string, listener: (head: number) => void): (() => void) => {
    // A wrapper, so that one function that watches twice is two watchers.
    const entry = (head: number): void => listener(head)
    const listeners = byLog.get(log) ?? new Set()
    byLog.set(log, listeners.add(entry))
    if (byLog.size === 1 && listeners.size === 1) onChange(true)
    return () => {
      if (!listeners.delete(entry) || listeners.size > 0) return
      byLog.delete(log)
      if (byLog.size === 0) onChange(false)
    }
  }
  const notify = (log: string, head: number): void => {
    for (const listener of [...(byLog.get(log) ?? [])]) listener(head)
  }
  return { logs: () => [...byLog.keys()], add, notify }
}
