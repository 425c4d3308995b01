import type { LockOptions, Locks, OpenChannel } from './ports.ts'

export interface LockPorts {
  readonly locks: Locks
  readonly openChannel: OpenChannel
  /** Whether somebody looks at this page: only then is a lock taken away. */
  readonly isVisible: () => boolean
}

/** A request that has to wait longer is taken back and made anew: one that queues behind a page in the back/forward cache can wait for minutes. */
const requestTimeoutMs = 3_000
/** A holder that has left so many requests in a row without an answer is frozen, or as good as. */
const unansweredMax = 2

/**
 * A lock by name among all tabs, which a frozen holder does not keep: who waits for it asks the holder whether it is alive,
 * and takes the lock from one that does not answer. Questions are counted, not time, which passes while a computer sleeps.
 */
export class GuardedLock {
  readonly #name: string
  readonly #ports: LockPorts
  /** Requests in a row that the holder has not answered. */
  #unanswered = 0

  constructor(name: string, ports: LockPorts) {
    this.#name = name
    this.#ports = ports
  }

  /**
   * Asks for the lock once, and runs `run` inside it: true, or what it throws; false when the lock was not to be had. `over` is
   * aborted when the lock is lost or `signal` is: then it goes to others at once, and this ends when `run` does.
   */
  async hold(
    run: (over: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
    timeoutMs: number = requestTimeoutMs,
  ): Promise<boolean> {
    if (signal.aborted) return false
    const { locks, openChannel, isVisible } = this.#ports
    const over = new AbortController()
    const ended = new Promise((resolve) => over.signal.addEventListener('abort', resolve))
    const end = (): void => over.abort()
    let running: Promise<unknown> | undefined
    let isAnswered = !isVisible()
    // Open for as long as this takes: a message to an open channel throws a page out of the back/forward cache.
    const channel = openChannel(`${this.#name}/holder`, (message) => {
      if (message === 'alive') isAnswered = true
      else if (running !== undefined && !over.signal.aborted) channel.post('alive')
    })
    const request = (options: LockOptions): Promise<boolean> =>
      locks.request(this.#name, options, async () => {
        if (over.signal.aborted) return
        // Others may be about to take it from whom this one has it.
        channel.post('alive')
        running = run(over.signal)
        await Promise.race([running, ended])
      })
    signal.addEventListener('abort', end)
    if (!isAnswered) channel.post('who')
    try {
      const wasFree = await request({ timeoutMs, signal })
      this.#unanswered = wasFree || isAnswered || signal.aborted ? 0 : this.#unanswered + 1
      if (this.#unanswered >= unansweredMax && isVisible()) await request({ steal: true })
    } catch (error) {
      // A lock that was lost rejects, as `run` does, which has its say below.
      if (running === undefined) throw error
    } finally {
      end()
      signal.removeEventListener('abort', end)
      channel.close()
    }
    await running
    return running !== undefined
  }
}
