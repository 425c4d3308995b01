/** Runs tasks one after the other. A task that fails does not stop the next one. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task)
    this.#last = result.catch(() => {})
    return result
  }

  /** Resolves when everything that was there at the call is done. */
  idle(): Promise<unknown> {
    return this.#last
  }
}

/**
 * Answers every call by a run that started after the call, and starts no more runs than that needs: who calls while a
 * run is under way shares the next one.
 */
export class Shared<T> {
  readonly #task: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(task: () => Promise<T>) {
    this.#task = task
  }

  run(): Promise<T> {
    if (this.#running === undefined) return this.#start()
    const start = (): Promise<T> => this.#start()
    this.#next ??= this.#running.then(start, start)
    return this.#next
  }

  #start(): Promise<T> {
    this.#next = undefined
    const running = this.#task().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
