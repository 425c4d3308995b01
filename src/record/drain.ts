import { longestWaitMs } from '../core/backoff.ts'
import type { Metadata } from '../core/commit.ts'
import type { TidelogError } from '../core/errors.ts'
import type { AppendRefused, Outcome } from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { AnyFact } from '../core/prepare.ts'
import { Backlog, type Batch } from './backlog.ts'
import { judge, type Verdict } from './failure.ts'
import type { KnownKinds } from './kinds.ts'
import type { Ledger } from './ledger.ts'

const retryMsBase = 125
const retryMsMax = 5_000
/** After so many new events a storage that refuses is tried again at once. */
const freshMax = 100

export type Append = (
  facts: readonly AnyFact[],
  options: { readonly commitId: string; readonly metadata?: Metadata },
) => Promise<Outcome<unknown, AppendRefused>>

export interface DrainPorts {
  readonly append: Append
  readonly clock: Clock
  readonly random: Random
}

/** Who waits until an event, and all before it, are durable. */
interface Waiting {
  readonly nth: number
  /** Goes on waiting while storage refuses. */
  readonly isPatient: boolean
  readonly resolve: () => void
  readonly reject: (error: TidelogError) => void
}

/**
 * Brings what was accepted into the log.
 * - One append at a time: events come into the log in order, also when a batch is refused or parted.
 * - What is accepted in one tick goes out in it; what comes during an append goes with the next one.
 * - A refusing storage never ends it: it waits, or waits to be hurried, and everything stays meanwhile.
 */
export class Drain {
  readonly backlog: Backlog
  readonly #ports: DrainPorts
  readonly #kinds: KnownKinds
  readonly #ledger: Ledger
  readonly #waiting = new Set<Waiting>()
  #isRunning = false
  #lost: TidelogError | undefined
  /** Accepted since storage refused last. */
  #fresh = 0
  /** Ends the wait before the next try. */
  #wake = (): void => {}

  constructor(ports: DrainPorts, kinds: KnownKinds, ledger: Ledger) {
    this.#ports = ports
    this.#kinds = kinds
    this.#ledger = ledger
    this.backlog = new Backlog(() => ports.random.newId())
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  take(fact: AnyFact): void {
    this.backlog.push(fact)
    this.#fresh++
    if (this.#fresh >= freshMax) this.hurry()
    if (!this.#isRunning) void this.#run()
  }

  /** Tries at once instead of waiting for the next try. */
  hurry(): void {
    this.#wake()
  }

  /** Resolves when all that was accepted is durable. Rejects when the log is closed, or, without patience, with the first refusal. */
  emptied(isPatient: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ nth: this.backlog.last, isPatient, resolve, reject })
      this.#answer()
      this.hurry()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // What is recorded in this tick goes out together.
    await undefined
    for (let batch = this.backlog.next(); batch && !this.isLost; batch = this.backlog.next()) await this.#try(batch)
    this.#isRunning = false
  }

  async #try({ commitId, entries }: Batch): Promise<void> {
    const facts = entries.map(({ fact }) => fact)
    const reason = this.#kinds.mismatchIn(facts)
    const { append } = this.#ports
    const verdict: Verdict = reason
      ? { type: 'poison', reason }
      : await judge(() => append(facts, { commitId }), this.backlog.mayBeThere)
    switch (verdict.type) {
      case 'taken':
        this.backlog.taken()
        this.#kinds.learn(facts)
        this.#goOn()
        this.#ledger.add('recorded', facts.length, this.backlog.size)
        break
      case 'poison':
        this.#isolate(verdict)
        break
      case 'refused':
        this.backlog.refused(verdict.isUnknown)
        await this.#standBack(verdict)
        break
      case 'lost':
        this.#lose(verdict.error)
    }
    this.#answer()
  }

  #isolate({ reason }: Extract<Verdict, { type: 'poison' }>): void {
    const fact = this.backlog.bisect()
    if (fact !== undefined) this.#ledger.reject(fact, reason, this.backlog.size)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#ledger.get().failures > 0) this.#ledger.note({ failures: 0, lastError: undefined, retryAt: undefined })
  }

  async #standBack({ reason: { type, message }, error }: Extract<Verdict, { type: 'refused' }>): Promise<void> {
    const { clock, random } = this.#ports
    const failures = this.#ledger.get().failures + 1
    const waitMs = Math.round(longestWaitMs(failures, retryMsBase, retryMsMax) * random.fraction())
    this.#ledger.note({ failures, lastError: { type, message }, retryAt: clock.now() + waitMs })
    this.#fresh = 0
    this.#refuse(error, ({ isPatient }) => !isPatient)
    let callOff = (): void => {}
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      callOff = clock.after(waitMs, resolve)
    })
    callOff()
    this.#wake = () => {}
    this.#ledger.note({ retryAt: undefined })
  }

  #lose(error: TidelogError): void {
    this.#lost = error
    this.#ledger.note({ lastError: { type: error.name, message: error.message } })
    this.#ledger.end('lost')
  }

  /** Tells those who wait and need not any longer. */
  #answer(): void {
    if (this.#lost !== undefined) this.#refuse(this.#lost, () => true)
    for (const waiting of this.#waiting) {
      if (this.backlog.holds(waiting.nth)) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }

  #refuse(error: TidelogError, isMeant: (waiting: Waiting) => boolean): void {
    for (const waiting of this.#waiting) {
      if (!isMeant(waiting)) continue
      this.#waiting.delete(waiting)
      waiting.reject(error)
    }
  }
}
