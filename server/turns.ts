/** Runs work of one name in turn. */
export interface Turns {
  /** Answers `undefined`, without running it, when too many wait. */
  readonly run: <T>(name: string, work: () => Promise<T>) => Promise<T> | undefined
}

/**
 * Pushes to one log take turns inside a process, so that they don't race each other at the store, and none of them
 * starves. What races across processes is settled by the store's compare-and-append.
 */
export function createTurns(waitingMax: number): Turns {
  const queues = new Map<string, { last: Promise<unknown>; length: number }>()
  return {
    run: (name, work) => {
      const queue = queues.get(name) ?? { last: Promise.resolve(), length: 0 }
      if (queue.length > waitingMax) return undefined
      queues.set(name, queue)
      queue.length++
      const result = queue.last.then(work)
      const leave = (): void => {
        queue.length--
        if (queue.length === 0) queues.delete(name)
      }
      queue.last = result.then(leave, leave)
      return result
    },
  }
}
