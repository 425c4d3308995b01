import type { Undo } from './patch.ts'

/** Workers whose messages can be held, both ways, as those of a frozen one are. */
export interface FaultyWorkers {
  /** The `worker` option of `openLog`. */
  readonly create: () => Worker
  /** Holds all messages. When it is undone, they come in their order. */
  readonly freeze: () => Undo
  /** Kills those that are alive, as a browser does that runs out of memory: nobody is told. */
  readonly terminate: () => void
  /** How many were started. */
  readonly started: () => number
}

export function faultyWorkers(create: () => Worker): FaultyWorkers {
  const alive = new Set<HeldWorker>()
  let started = 0
  let frozen = 0
  return {
    create: () => {
      started += 1
      const worker = new HeldWorker(create(), () => alive.delete(worker))
      if (frozen > 0) worker.hold()
      alive.add(worker)
      return worker
    },
    freeze: () => {
      frozen += 1
      for (const worker of alive) worker.hold()
      let isUndone = false
      return () => {
        if (isUndone) return
        isUndone = true
        frozen -= 1
        if (frozen === 0) for (const worker of alive) worker.release()
      }
    },
    terminate: () => {
      for (const worker of alive) worker.terminate()
    },
    started: () => started,
  }
}

/** A worker whose messages pass through here. */
class HeldWorker extends EventTarget implements Worker {
  onmessage: Worker['onmessage'] = null
  onmessageerror: Worker['onmessageerror'] = null
  onerror: Worker['onerror'] = null
  readonly #worker: Worker
  readonly #onEnd: () => void
  #held: (() => void)[] | undefined

  constructor(worker: Worker, onEnd: () => void) {
    super()
    this.#worker = worker
    this.#onEnd = onEnd
    for (const type of ['message', 'messageerror'] as const)
      worker.addEventListener(type, (event) => {
        const { data, ports } = event
        this.#pass(() => this.#tell(new MessageEvent(type, { data, ports: [...ports] })))
      })
    worker.addEventListener('error', (event) => this.#tell(new ErrorEvent('error', event)))
  }

  hold(): void {
    this.#held ??= []
  }
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }
  postMessage(message: unknown, options?: StructuredSerializeOptions | Transferable[]): void {
    this.#pass(() => this.#worker.postMessage(message, options as StructuredSerializeOptions))
  }
  terminate(): void {
    this.#onEnd()
    this.#worker.terminate()
  }

  #pass(go: () => void): void {
    if (this.#held === undefined) go()
    else this.#held.push(go)
  }
  #tell(event: MessageEvent | ErrorEvent): void {
    const handler: unknown = Reflect.get(this, `on${event.type}`)
    if (typeof handler === 'function') handler.call(this, event)
    this.dispatchEvent(event)
  }
}
