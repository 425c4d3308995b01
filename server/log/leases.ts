import { mustBe, TidelogError } from '../../src/core/errors.ts'
import type { Clock, LockOptions, Locks, Random } from '../../src/core/ports.ts'
import type { KeptChanges, KeptRow } from '../../src/protocol/worker.ts'
import { type KeptLog, type Rows, renewablePart } from './kept-log.ts'

/** A lock that was not to be had is looked at again after so long, even without a word from its holder. */
const lookMsMax = 5_000
/** Processes may have leases of different lengths. */
const leasesMax = 10

interface LeasesParts {
  readonly clock: Clock
  readonly random: Random
  readonly leaseMs: number
  readonly onError: (error: unknown) => void
}
interface Held {
  /** The lock is not this process's any more. */
  readonly lose: () => void
}

/**
 * Locks among processes, as rows beside the log: one for each lock that names its holder, and one for each holder that says until
 * when it is to be believed. Of two that want a lock one keeps its row first; who is not heard of loses what it has.
 */
export class Leases implements Locks {
  readonly #kept: KeptLog
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #onError: LeasesParts['onError']
  readonly #runner: string
  readonly #held = new Map<string, Held>()
  /** Those that are held, asked for or being given back by this process: nobody here asks for them again. */
  readonly #own = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #callOff = (): void => {}
  #callOffEnd = (): void => {}
  #isClosed = false

  constructor(kept: KeptLog, { clock, random, leaseMs, onError }: LeasesParts) {
    this.#kept = kept
    this.#onError = onError
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#runner = random.newId()
  }

  async request(name: string, options: LockOptions, hold: () => Promise<void>): Promise<boolean> {
    const { mode = 'exclusive', timeoutMs = Infinity, signal, steal } = options
    mustBe(mode === 'exclusive', 'a lock', mode)
    // From a holder that says nothing its lock is taken by itself, when its time is over.
    const end = this.#clock.now() + (steal === true ? 0 : timeoutMs)
    while (!(await this.#take(name, timeoutMs))) {
      this.#mustBeOpen()
      const leftMs = Math.min(end - this.#clock.now(), lookMsMax, this.#leaseMs)
      if (leftMs <= 0 || signal?.aborted) return false
      await this.#moved(leftMs, signal)
      if (signal?.aborted) return false
    }
    let lose = (): void => {}
    let isLost = false
    const lost = new Promise<never>((_, reject) => {
      lose = () => {
        isLost = true
        reject(new DOMException('the lock was taken away', 'AbortError'))
      }
    })
    lost.catch(() => {})
    this.#held.set(name, { lose })
    this.#beat()
    try {
      await Promise.race([hold(), lost])
    } finally {
      const releasing = this.#release(name)
      // What made it lose the lock may hold up this, too.
      if (!isLost) await releasing
    }
    return true
  }

  /** Whether another process that is to be believed has the lock. */
  async isElsewhere(name: string, rows: Rows): Promise<boolean> {
    const holder = await this.#holderOf(name, rows)
    return holder !== undefined && holder !== this.#runner
  }

  /** Something was kept: who waits looks again, and who has lost a lock hears of it. */
  look(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  /** Looks which of its locks this process still has. */
  async check(rows: Rows): Promise<void> {
    for (const [name, { lose }] of [...this.#held]) if (await this.isElsewhere(name, rows)) lose()
  }

  /** Who waits for a lock, or asks for one from now on, is told that the log is closed. */
  close(): void {
    this.#isClosed = true
    this.look()
    this.#callOff()
    this.#callOffEnd()
    this.#loseAll()
  }

  async #take(name: string, timeoutMs: number): Promise<boolean> {
    this.#mustBeOpen()
    if (this.#own.has(name)) return false
    this.#own.add(name)
    const until = this.#clock.now() + this.#leaseMs
    const taking = this.#kept.change(async (rows) => {
      if (await this.isElsewhere(name, rows)) return undefined
      const before = valueIn(await rows.list(lockChain(name)), 'runner')
      // Nobody believes in who had it.
      const gone = typeof before === 'string' && before !== this.#runner ? [wholeOf(runnerChain(before))] : []
      return { put: [this.#alive(until), rowOf(lockChain(name), { runner: this.#runner })], delete: gone }
    })
    const isTaken = await taking.catch((error: unknown) => {
      // Who asks once is told what is wrong; who waits, waits for the store, too.
      if (timeoutMs === 0) {
        this.#own.delete(name)
        throw error
      }
      this.#onError(error)
      return false
    })
    if (isTaken) this.#believedUntil(until)
    else this.#own.delete(name)
    return isTaken
  }

  async #holderOf(name: string, rows: Rows): Promise<string | undefined> {
    const runner = valueIn(await rows.list(lockChain(name)), 'runner')
    if (typeof runner !== 'string') return undefined
    if (await this.#isBelieved(runner, rows)) return runner
    await rows.reread(runnerChain(runner))
    return (await this.#isBelieved(runner, rows)) ? runner : undefined
  }

  async #isBelieved(runner: string, rows: Rows): Promise<boolean> {
    const until = valueIn(await rows.list(runnerChain(runner)), 'until')
    // Nobody is believed for much longer than a lease: the clock was set back since.
    const leftMs = typeof until === 'number' ? until - this.#clock.now() : 0
    return leftMs > 0 && leftMs <= leasesMax * this.#leaseMs
  }

  #alive(until: number): KeptRow {
    return rowOf(runnerChain(this.#runner), { until })
  }

  async #release(name: string): Promise<void> {
    this.#held.delete(name)
    if (this.#held.size === 0) {
      this.#callOff()
      this.#callOffEnd()
    }
    const end = async (rows: Rows): Promise<KeptChanges | undefined> => {
      const isOwn = valueIn(await rows.list(lockChain(name)), 'runner') === this.#runner
      const gone = isOwn ? [wholeOf(lockChain(name))] : []
      // Of those that are asked for right now it may have one already.
      const all = this.#own.size === 1 ? [...gone, wholeOf(runnerChain(this.#runner))] : gone
      return all.length > 0 ? { delete: all } : undefined
    }
    // What could not be given back is taken by others when its time is over.
    await this.#kept.change(end).catch(() => {})
    this.#own.delete(name)
    this.look()
  }

  /** Says again and again that this process is alive, as long as it holds anything. */
  #beat(): void {
    this.#callOff()
    this.#callOff = this.#clock.after(Math.ceil(this.#leaseMs / 3), () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const until = this.#clock.now() + this.#leaseMs
    const renewing = this.#kept.renew(this.#alive(until), async (rows) => {
      await this.check(rows)
      return this.#held.size > 0
    })
    if (await renewing.catch(() => false)) this.#believedUntil(until)
    if (this.#held.size > 0) this.#beat()
  }

  /** Behind that time others may have what this process has, also while what it writes hangs. */
  #believedUntil(until: number): void {
    this.#callOffEnd()
    this.#callOffEnd = this.#clock.after(Math.max(0, until - this.#clock.now()), () => this.#loseAll())
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw new TidelogError('tidelog/log-closed', 'the log is closed')
  }

  #loseAll(): void {
    for (const { lose } of this.#held.values()) lose()
  }

  #moved(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        callOff()
        signal?.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const callOff = this.#clock.after(ms, wake)
      signal?.addEventListener('abort', wake)
      this.#waiting.add(wake)
      if (signal?.aborted) wake()
    })
  }
}

const lockChain = (name: string): string => `lock/${encodeURIComponent(name)}/`
const runnerChain = (runner: string): string => `${renewablePart}${runner}/`
const rowOf = (chain: string, value: unknown): KeptRow => ({ chain, n: 0, value })
const wholeOf = (chain: string) => ({ chain, from: 0, to: 0 })
const valueIn = (rows: readonly KeptRow[], key: string): unknown =>
  (rows.at(-1)?.value as Readonly<Record<string, unknown>> | undefined)?.[key]
