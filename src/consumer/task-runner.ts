import type { Task } from '../core/automation.ts'
import { causedBy } from '../core/cause.ts'
import { mustBe } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import { mustBeJson } from '../core/json.ts'
import { nameOf } from '../core/recorded.ts'
import { Wake } from '../core/wake.ts'
import { sleep } from './attempts.ts'
import { consume, type IsWanted } from './automation-consumer.ts'
import type { Consumer } from './consumer.ts'
import type { Context } from './context.ts'
import type { AnyEvent } from './handling.ts'
import type { Hub } from './hub.ts'
import { type KeptTask, listEnded, listOpen, nextRow, type TaskRecord } from './task-rows.ts'
import { retryMsMax, TaskRun } from './task-run.ts'

/** Without a sign the rows are looked at this often. */
const lookMsMax = 60_000
const stopMsMax = 5_000
/** A plan that fails is made again so often before its event is parked. */
const planRetries = 5

/** Plans the tasks of one kind and runs those that are due: one for each event, whichever tab or device comes first. */
export class TaskRunner {
  readonly #hub: Hub
  readonly #task: Task
  readonly #planner: Consumer
  readonly #runs = new Map<string, TaskRun>()
  readonly #moved = new Wake()
  readonly #stopping = new AbortController()
  readonly #ended: Promise<void>

  constructor(hub: Hub, task: Task, isWanted: IsWanted) {
    this.#hub = hub
    this.#task = task
    this.#planner = consume(hub, task, planRetries, isWanted, (event, context) => this.#plan(event, context))
    this.#ended = this.#run()
  }

  /** Something was done to the tasks elsewhere. */
  kick(): void {
    this.#planner.kick()
    this.#moved.wake()
  }

  /** Begins nothing more, and lets go of what does not end soon. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#moved.wake()
    await this.#planner.stop()
    const running = [...this.#runs.values()].map((run) => run.ended)
    const over = new AbortController()
    await Promise.race([Promise.all(running), sleep(this.#hub.ports.clock, stopMsMax, over.signal)])
    over.abort()
    await Promise.all([...this.#runs.values()].map((run) => run.release()))
    await this.#ended
  }

  /** One task for an event: its row, whose key nobody can add twice, goes with the checkpoint. */
  async #plan(event: AnyEvent, context: Context): Promise<void> {
    const plan = this.#task.plan(event as never)
    if (plan === undefined) return
    const { call, clock } = this.#hub.ports
    mustBeJson(plan.input)
    const { at, afterMs } = plan
    for (const ms of [at, afterMs]) mustBe(ms === undefined || isCount(ms), 'a time of a task', ms)
    const record: TaskRecord = {
      task: this.#task.name,
      eventId: nameOf(event),
      position: event.position ?? 0,
      input: plan.input,
      metadata: causedBy(event),
      status: 'waiting',
      dueAt: at ?? (afterMs === undefined ? clock.now() : Date.parse(event.time) + afterMs),
      attempts: 0,
    }
    if ((await listEnded(call, record.task, record.eventId)).length > 0) return
    const { changes, note } = context.beside()
    const isNew = await call((api) => api.keep({ ...changes, add: [nextRow(1, record)], isAnnounced: true }))
    if (isNew) note()
    this.#moved.wake()
  }

  /** Whether this tab is the one that plans: the others only take over what is left lying. */
  get #isFirst(): boolean {
    const { state } = this.#planner.status.get()
    return state === 'live' || state === 'reading'
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { clock } = this.#hub.ports
    while (!signal.aborted) {
      // Storage that refuses now may take it later: what is due stays due.
      const waitMs = await this.#look().catch(() => this.#task.retryMs)
      if (!signal.aborted) await this.#moved.waitFor(clock, waitMs)
    }
  }

  /** Begins what is due; answers how long nothing will be. */
  async #look(): Promise<number> {
    const { call, clock } = this.#hub.ports
    const { leaseMs, concurrency } = this.#task
    const open = await listOpen(call, this.#task.name)
    const now = clock.now()
    for (const run of this.#runs.values()) run.check(open)
    // Nobody has a lease for longer, and nobody waits longer for another try: the clock was set back since.
    const within = (at: number, ms: number): number => (at - now > ms ? 0 : at)
    const leaseUntil = ({ record }: KeptTask): number => within(record.leaseUntil ?? 0, leaseMs)
    const isRunning = (task: KeptTask): boolean => task.record.status === 'running' && leaseUntil(task) > now
    const patienceMs = this.#isFirst ? 0 : leaseMs
    const startAt = (task: KeptTask): number => {
      const { status, attempts, dueAt } = task.record
      if (status === 'running') return leaseUntil(task)
      return attempts > 0 ? within(dueAt, retryMsMax) : dueAt
    }
    const dueAt = (task: KeptTask): number => startAt(task) + patienceMs
    const idle = open.filter((task) => !isRunning(task)).sort((a, b) => dueAt(a) - dueAt(b))
    // A run whose claim is under way is not running in what was read.
    const busy = new Set([...this.#runs.keys(), ...open.filter(isRunning).map(({ record }) => record.eventId)])
    const free = concurrency - busy.size
    const due = idle.filter((task) => dueAt(task) <= now && !busy.has(task.record.eventId))
    for (const task of due.slice(0, Math.max(0, free))) this.#begin(task)
    // Whoever ends here wakes this; the end of others is seen by their leases.
    const later = [...idle.map(dueAt), ...open.filter(isRunning).map(leaseUntil)]
    const next = Math.min(...later.filter((at) => at > now))
    return Math.min(lookMsMax, leaseMs, Math.max(10, next - now))
  }

  #begin(task: KeptTask): void {
    const { eventId } = task.record
    if (this.#runs.has(eventId)) return
    const run = new TaskRun(this.#hub.ports, this.#task, task)
    this.#runs.set(eventId, run)
    run.ended
      // What storage would not keep is left to the lease.
      .catch(() => {})
      .finally(() => {
        this.#runs.delete(eventId)
        this.#moved.wake()
      })
  }
}
