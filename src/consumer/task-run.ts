import type { Task } from '../core/automation.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import { mustBeJson } from '../core/json.ts'
import type { AnyFact } from '../core/prepare.ts'
import { Serial } from '../log/queue.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import { retryAfterMs, sleep, within } from './attempts.ts'
import { problemOf } from './failures.ts'
import type { ConsumerPorts } from './ports.ts'
import { sendCommit } from './send-commit.ts'
import { endOf, type KeptTask, nextRow, type TaskRecord } from './task-rows.ts'

/** Between two tries. */
export const retryMsMax: number = 60_000
/** Progress is shown so often at most. */
const progressMs = 500
/** How often the end of a task is tried to be kept, before it is left to the lease. */
const endTriesMax = 5

/** One try of a task: claimed by the next key of its chain, kept by its lease, and ended in one write with its facts. */
export class TaskRun {
  /** Resolves when it has ended, or belongs to somebody else. */
  readonly ended: Promise<void>
  readonly #ports: ConsumerPorts
  readonly #task: Task
  readonly #runner: string
  readonly #aborting = new AbortController()
  #n: number
  #record: TaskRecord
  #isOver = false
  #isEnding = false
  /** Rows of this run, one after the other. */
  readonly #inOrder = new Serial()
  /** Says soon what has changed. */
  #tellSoon = (): void => {}

  constructor(ports: ConsumerPorts, task: Task, { n, record }: KeptTask) {
    this.#ports = ports
    this.#task = task
    this.#runner = ports.random.newId()
    this.#n = n
    this.#record = record
    this.ended = this.#run()
  }

  /** Looks whether the task still belongs to this run: it may have been cancelled, or taken over. */
  check(open: readonly KeptTask[]): void {
    const { eventId } = this.#record
    const kept = open.find(({ record }) => record.eventId === eventId)
    if (kept !== undefined && kept.n <= this.#n) return
    if (kept === undefined && this.#record.runner === undefined) return
    if (kept?.record.runner !== this.#runner) this.#lose()
  }

  /** Puts back what has not ended, so that another tab can begin it at once. */
  async release(): Promise<void> {
    if (this.#isOver) return
    this.#lose()
    const { attempts, ...record } = this.#record
    await this.#next({ ...record, status: 'waiting', attempts: attempts - 1 }).catch(() => false)
  }

  #lose(): void {
    this.#isOver = true
    this.#aborting.abort(new TidelogError('tidelog/aborted', 'the task is not run here any more'))
  }

  /** Adds the next row; false when somebody else has. */
  #next(record: TaskRecord): Promise<boolean> {
    return this.#inOrder.run(() => this.#add(record))
  }

  async #add(record: TaskRecord): Promise<boolean> {
    const { runner: _runner, leaseUntil: _lease, ...bare } = record
    const isRunning = record.status === 'running'
    const leaseUntil = this.#ports.clock.now() + this.#task.leaseMs
    const own: TaskRecord = isRunning ? { ...bare, runner: this.#runner, leaseUntil } : bare
    const row = nextRow(this.#n + 1, own)
    const isOwn = await this.#ports.call((api) => api.keep({ add: [row], isAnnounced: true }))
    if (!isOwn) return false
    this.#n++
    const { progress } = this.#record
    this.#record = progress === undefined ? own : { ...own, progress }
    return true
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports
    const { attempts, firstAt = clock.now() } = this.#record
    const { isEnding: _ending, ...before } = this.#record
    const claimed = { ...before, status: 'running', attempts: attempts + 1, firstAt } as const
    if (!(await this.#next(claimed))) return
    const stopLease = this.#keepLease()
    try {
      await this.#decide(attempts)
    } finally {
      this.#isOver = true
      stopLease()
    }
  }

  async #decide(attempts: number): Promise<void> {
    // Each runner that was lost was a try.
    if (attempts >= this.#task.attempts) {
      await this.#settle()
      return this.#giveUp(this.#record.message ?? 'its runners were lost')
    }
    let facts: readonly AnyFact[]
    try {
      facts = await this.#attempt().finally(() => this.#settle())
    } catch (error) {
      if (!this.#isOver) await this.#fail(error)
      return
    }
    if (!this.#isOver) await this.#end({ status: 'done', facts })
  }

  /** No lease is under way any more, nor begun. */
  #settle(): Promise<unknown> {
    this.#isEnding = true
    return this.#inOrder.idle()
  }

  async #attempt(): Promise<readonly AnyFact[]> {
    const { clock } = this.#ports
    const { input, attempts, firstAt = 0, metadata, eventId } = this.#record
    const { deadlineMs, name } = this.#task
    const leftMs = firstAt + deadlineMs - clock.now()
    const timeoutMs = leftMs > 2 ** 31 - 1 ? undefined : Math.max(1, leftMs)
    const progress = (value: unknown): void => {
      mustBeJson(value)
      this.#record = { ...this.#record, progress: value }
      this.#tellSoon()
    }
    const facts = await within(
      (signal) =>
        this.#task.run(input as never, { signal, attempt: attempts, key: `${name}/${eventId}`, metadata, progress }),
      { clock, timeoutMs, signal: this.#aborting.signal },
    )
    mustBe(facts === undefined || Array.isArray(facts), 'what a task answers', facts)
    return (facts as readonly AnyFact[] | undefined) ?? []
  }

  async #fail(error: unknown): Promise<void> {
    const { clock, random } = this.#ports
    const { attempts, firstAt = 0 } = this.#record
    const { retryMs, deadlineMs } = this.#task
    const message = problemOf(error)
    const dueAt = clock.now() + retryAfterMs(attempts, retryMs, retryMsMax, random)
    if (attempts < this.#task.attempts && dueAt < firstAt + deadlineMs)
      await this.#next({ ...this.#record, status: 'waiting', dueAt, message })
    else await this.#giveUp(message)
  }

  /** Where the facts of a failure can't be made, the task fails without them. */
  async #giveUp(message: string): Promise<void> {
    try {
      await this.#end({ status: 'failed', message, facts: this.#task.failed(this.#record.input as never, { message }) })
    } catch (error) {
      if (error instanceof TidelogError && error.code === 'tidelog/storage-lost') throw error
      await this.#end({ status: 'failed', message: `${message}; and its facts: ${problemOf(error)}`, facts: [] })
    }
  }

  /** The facts and the end of the task are one write; where that fails it is repeated, and what was run is not. */
  async #end({
    facts,
    ...how
  }: Pick<TaskRecord, 'status' | 'message'> & { readonly facts: readonly AnyFact[] }): Promise<void> {
    const { clock, random } = this.#ports
    for (let nth = 1; !this.#aborting.signal.aborted; nth++)
      try {
        // From here on it can't be cancelled; who was first with the next key is seen now.
        if (!this.#record.isEnding && !(await this.#next({ ...this.#record, isEnding: true }))) return this.#lose()
        const { runner: _runner, leaseUntil: _lease, isEnding: _ending, ...record } = this.#record
        return await this.#keepEnd(facts, endOf(this.#n, { ...record, ...how, endedAt: clock.now() }))
      } catch (error) {
        // Facts that the log refuses will never be taken.
        const isRefused = error instanceof TidelogError && error.code !== 'tidelog/storage-lost'
        if (isRefused && how.status === 'done') return this.#giveUp(problemOf(error))
        if (isRefused || nth === endTriesMax) throw error
        await sleep(clock, retryAfterMs(nth, this.#task.retryMs, retryMsMax, random), this.#aborting.signal)
      }
  }

  async #keepEnd(facts: readonly AnyFact[], keep: KeptChanges): Promise<void> {
    const { call } = this.#ports
    const { task, eventId, metadata, round } = this.#record
    const id = `${task}/${eventId}${round === undefined ? '' : `/${round}`}`
    const isKept = facts.length > 0 && (await sendCommit(this.#ports, { id, metadata, facts, keep })) === 'taken'
    // Somebody else's facts of this task are there: so is its end, or it is kept now.
    if (!isKept) await call((api) => api.keep(keep))
  }

  /** Says again and again that it is being run; ends the run when it is somebody else's. */
  #keepLease(): () => void {
    const { clock } = this.#ports
    let callOff = (): void => {}
    let isTelling = false
    const tellIn = (ms: number): void => {
      callOff()
      callOff = clock.after(ms, tell)
    }
    const tell = (): void => {
      if (this.#isEnding || this.#isOver || isTelling) return
      isTelling = true
      const told = this.#next(this.#record)
      told
        .then((isOwn) => {
          if (!isOwn) this.#lose()
        })
        // A lease that could not be kept is tried again while it lasts.
        .catch(() => {})
        .finally(() => {
          isTelling = false
          if (!this.#isEnding && !this.#isOver) tellIn(Math.ceil(this.#task.leaseMs / 3))
        })
    }
    tellIn(Math.ceil(this.#task.leaseMs / 3))
    let isSoon = false
    this.#tellSoon = () => {
      if (isSoon) return
      isSoon = true
      clock.after(progressMs, () => {
        isSoon = false
        tell()
      })
    }
    return () => callOff()
  }
}
